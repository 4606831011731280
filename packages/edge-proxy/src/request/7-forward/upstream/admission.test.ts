import { describe, expect, it } from 'vitest';
import { Admission, type Waiting } from './admission.ts';

const limits = { connections: 2, queue: 2, queueWaitMs: 3_600_000 };

class Request implements Waiting {
  state: 'new' | 'started' | 'expired' = 'new';
  readonly over = Promise.withResolvers<void>();
  start(): void {
    this.state = 'started';
    this.over.resolve();
  }
  expired(): void {
    this.state = 'expired';
    this.over.resolve();
  }
}
const requests = (count: number) => Array.from({ length: count }, () => new Request());
const states = (all: readonly Request[]) => all.map(({ state }) => state).join(' ');

describe('admission to an upstream', () => {
  it('starts so many at once, lets so many wait, and takes no more', () => {
    const admission = new Admission(limits);
    const all = requests(5);
    expect(all.map((one) => admission.admit(one))).toEqual([true, true, true, true, false]);
    expect(states(all)).toBe('started started new new new');
    expect([admission.active, admission.waiting]).toEqual([2, 2]);
  });

  it('starts the one that has waited longest when another ends', async () => {
    const admission = new Admission(limits);
    const all = requests(4);
    for (const one of all) admission.admit(one);
    admission.leave();
    await all[2]?.over.promise;
    expect(states(all)).toBe('started started started new');
    expect([admission.active, admission.waiting]).toEqual([2, 1]);
    for (let count = 0; count < 3; count += 1) admission.leave();
    await all[3]?.over.promise;
    expect([admission.active, admission.waiting]).toEqual([0, 0]);
  });

  it('lets nobody wait longer than may be, and starts nobody who has', async () => {
    const admission = new Admission({ connections: 1, queue: 1, queueWaitMs: 1 });
    const [first, second, third] = requests(3) as [Request, Request, Request];
    admission.admit(first);
    admission.admit(second);
    await second.over.promise;
    expect([second.state, admission.waiting]).toEqual(['expired', 0]);
    expect(admission.admit(third)).toBe(true);
    await third.over.promise;
    admission.leave();
    expect(states([first, second, third])).toBe('started expired expired');
    expect(admission.active).toBe(0);
  });

  it('gives the place of one that is taken back to another', async () => {
    const admission = new Admission({ ...limits, connections: 1, queue: 1 });
    const [first, second, third] = requests(3) as [Request, Request, Request];
    admission.admit(first);
    admission.admit(second);
    expect(admission.withdraw(second)).toBe(true);
    expect(admission.admit(third)).toBe(true);
    admission.leave();
    await third.over.promise;
    expect(states([first, second, third])).toBe('started new started');
    expect(admission.withdraw(third)).toBe(false);
  });

  it('follows limits that change while some wait', async () => {
    const admission = new Admission({ ...limits, connections: 1, queue: 4 });
    const all = requests(4);
    for (const one of all) admission.admit(one);
    admission.limits = { ...limits, connections: 3 };
    admission.leave();
    await Promise.all(all.map(({ over }) => over.promise));
    expect(admission.active).toBe(3);
    admission.limits = { ...limits, connections: 1 };
    const [late] = requests(1) as [Request];
    admission.admit(late);
    admission.leave();
    admission.leave();
    expect(late.state).toBe('new');
    admission.leave();
    await late.over.promise;
    expect(admission.active).toBe(1);
  });
});
