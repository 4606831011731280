import { describe, expect, it } from 'vitest';
import { Admission, type Limits, type Waiting } from './admission.ts';

const limits = { connections: 2, queue: 2, queueWaitMs: 3_600_000 };

class Request implements Waiting {
  readonly principal: string;
  state: 'new' | 'started' | 'expired' = 'new';
  readonly over = Promise.withResolvers<void>();
  constructor(principal: string) {
    this.principal = principal;
  }
  start(): void {
    this.state = 'started';
    this.over.resolve();
  }
  expired(): void {
    this.state = 'expired';
    this.over.resolve();
  }
}
/** Each of somebody else. */
const requests = (count: number) =>
  Array.from({ length: count }, (_, at) => new Request(`usr_${at}`));
/** All of one. */
const requestsOf = (principal: string, count: number) =>
  Array.from({ length: count }, () => new Request(principal));
const nobody = { queue: 0, share: 0, wait: 0, connections: 0, refused: 0 };
const admissionOf = (of: Limits, busy = { ...nobody }) => new Admission(of, busy);
const states = (all: readonly Request[]) => all.map(({ state }) => state).join(' ');

describe('admission to an upstream', () => {
  it('starts so many at once, lets so many wait, and takes no more', () => {
    const admission = admissionOf(limits);
    const all = requests(5);
    expect(all.map((one) => admission.admit(one))).toEqual([true, true, true, true, false]);
    expect(states(all)).toBe('started started new new new');
    expect([admission.active, admission.waiting]).toEqual([2, 2]);
  });

  it('starts the one that has waited longest when another ends', async () => {
    const admission = admissionOf(limits);
    const all = requests(4) as [Request, Request, Request, Request];
    for (const one of all) admission.admit(one);
    admission.leave(all[0]);
    await all[2]?.over.promise;
    expect(states(all)).toBe('started started started new');
    expect([admission.active, admission.waiting]).toEqual([2, 1]);
    for (const one of all.slice(1)) admission.leave(one);
    await all[3]?.over.promise;
    expect([admission.active, admission.waiting]).toEqual([0, 0]);
  });

  it('lets nobody wait longer than may be, and starts nobody who has', async () => {
    const admission = admissionOf({ connections: 1, queue: 1, queueWaitMs: 1 });
    const [first, second, third] = requests(3) as [Request, Request, Request];
    admission.admit(first);
    admission.admit(second);
    await second.over.promise;
    expect([second.state, admission.waiting]).toEqual(['expired', 0]);
    expect(admission.admit(third)).toBe(true);
    await third.over.promise;
    admission.leave(first);
    expect(states([first, second, third])).toBe('started expired expired');
    expect(admission.active).toBe(0);
  });

  it('gives the place of one that is taken back to another', async () => {
    const admission = admissionOf({ ...limits, connections: 1, queue: 1 });
    const [first, second, third] = requests(3) as [Request, Request, Request];
    admission.admit(first);
    admission.admit(second);
    expect(admission.withdraw(second)).toBe(true);
    expect(admission.admit(third)).toBe(true);
    admission.leave(first);
    await third.over.promise;
    expect(states([first, second, third])).toBe('started new started');
    expect(admission.withdraw(third)).toBe(false);
  });

  it('follows limits that change while some wait', async () => {
    const admission = admissionOf({ ...limits, connections: 1, queue: 4 });
    const all = requests(4) as [Request, Request, Request, Request];
    for (const one of all) admission.admit(one);
    admission.limits = { ...limits, connections: 3 };
    admission.leave(all[0]);
    await Promise.all(all.map(({ over }) => over.promise));
    expect(admission.active).toBe(3);
    admission.limits = { ...limits, connections: 1 };
    const [late] = requestsOf('usr_late', 1) as [Request];
    admission.admit(late);
    admission.leave(all[1]);
    admission.leave(all[2]);
    expect(late.state).toBe('new');
    admission.leave(all[3]);
    await late.over.promise;
    expect(admission.active).toBe(1);
  });
});

describe('the share of one of many', () => {
  const wide = { connections: 8, queue: 8, queueWaitMs: 3_600_000 };
  const startedOf = (all: readonly Request[]) =>
    all.filter(({ state }) => state === 'started').length;
  const taken = (admission: Admission, all: readonly Request[]) =>
    all.filter((one) => admission.admit(one)).length;

  it('is as much as is left for the others, of the places and of the line', () => {
    const busy = { ...nobody };
    const admission = admissionOf(wide, busy);
    const greedy = requestsOf('usr_greedy', 100);
    expect([taken(admission, greedy), startedOf(greedy)]).toEqual([8, 4]);
    const second = requestsOf('usr_second', 100);
    expect([taken(admission, second), startedOf(second)]).toEqual([4, 2]);
    const third = requestsOf('usr_third', 100);
    expect([taken(admission, third), startedOf(third)]).toEqual([2, 1]);
    expect([admission.active, admission.waiting]).toEqual([7, 7]);
    expect(busy).toEqual({ ...nobody, share: 286 });
    // Whoever has nothing yet gets the last place.
    const [fourth] = requestsOf('usr_fourth', 1) as [Request];
    expect([admission.admit(fourth), fourth.state]).toEqual([true, 'started']);
    const late = requests(2);
    expect(late.map((one) => admission.admit(one))).toEqual([true, false]);
    expect(busy).toEqual({ ...nobody, queue: 1, share: 286 });
  });

  it('is handed out by turns, however many of one wait', async () => {
    const admission = admissionOf({ ...wide, connections: 1, queue: 64 });
    const [held] = requestsOf('usr_held', 1) as [Request];
    admission.admit(held);
    const greedy = requestsOf('usr_greedy', 32);
    const modest = requestsOf('usr_modest', 2);
    for (const one of [...greedy, ...modest]) admission.admit(one);
    const [first, second, third, ...rest] = greedy;
    const turns = [first, modest[0], second, modest[1], third];
    let current = held;
    for (const next of turns as Request[]) {
      admission.leave(current);
      await next.over.promise;
      current = next;
    }
    expect(startedOf(rest)).toBe(0);
  });

  it('grows as others leave', async () => {
    const admission = admissionOf({ ...wide, connections: 4 });
    const one = requestsOf('usr_one', 2);
    const other = requestsOf('usr_other', 4);
    for (const request of [...one, ...other]) admission.admit(request);
    expect([startedOf(one), startedOf(other)]).toEqual([2, 1]);
    for (const request of one) admission.leave(request);
    await Promise.resolve();
    expect([startedOf(other), admission.active]).toEqual([2, 2]);
    expect(admission.waiting).toBe(2);
  });
});
