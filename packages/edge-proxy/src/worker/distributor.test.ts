import type { Lane } from '@sallyport/shared/state/model';
import { describe, expect, it } from 'vitest';
import { subjectsOf } from '../state/2-store/subjects.ts';
import { sampleUser } from '../testing/sample-state.ts';
import { type Delivery, Distributor, type Stage } from './distributor.ts';
import type { StateMessage } from './messages.ts';

function distributor(workers: number) {
  const sent: StateMessage[] = [];
  const stages: [Stage, Lane, number][] = [];
  const distribution = new Distributor(
    workers,
    (message) => sent.push(message),
    (stage, { lane, position }) => stages.push([stage, lane, position.rev]),
  );
  return { distribution, sent, stages };
}

const delivery = (lane: Lane, rev: number, silent = false): Delivery => ({
  lane,
  position: { epoch: 1, rev },
  arrivedAtMs: 0,
  path: 'grpc',
  silent,
});
const user = (id: string) => subjectsOf([sampleUser(id)]);

describe('the distribution of state', () => {
  it('reports a stage when the last worker has reached it', () => {
    const { distribution, stages } = distributor(2);
    distribution.changed('revoke', delivery('revoke', 1), user('usr_a'));
    distribution.onApplied(0, 1);
    distribution.onEnforced(0, 1);
    distribution.onApplied(1, 1);
    expect(stages).toEqual([['applied', 'revoke', 1]]);
    distribution.onEnforced(1, 1);
    expect(stages.at(-1)).toEqual(['enforced', 'revoke', 1]);
  });

  it('reports only the last of several positions, and never one that was refused in part', async () => {
    const { distribution, stages } = distributor(1);
    await distribution.config(delivery('config', 1), [], false);
    await distribution.config(delivery('config', 2), [], false);
    await distribution.config(delivery('config', 3, true), [], false);
    distribution.onApplied(0, 3);
    distribution.onEnforced(0, 3);
    expect(stages).toEqual([
      ['applied', 'config', 2],
      ['enforced', 'config', 2],
    ]);
  });

  it('reports nothing where rows beside the lane have changed', () => {
    const { distribution, sent, stages } = distributor(1);
    distribution.changed('revoke', null, user('usr_a'));
    distribution.onApplied(0, 1);
    distribution.onEnforced(0, 1);
    expect(sent).toMatchObject([{ type: 'changed', lane: 'revoke', position: null }]);
    expect(stages).toEqual([]);
  });

  it('puts together what comes while a worker is busy, so that no line ever forms', () => {
    const { distribution, sent, stages } = distributor(1);
    for (let rev = 1; rev <= 1_000; rev += 1) {
      distribution.changed('directory', delivery('directory', rev), user(`usr_${rev}`));
    }
    distribution.changed('directory', null, user('usr_beside'));
    const before = sent.length;
    expect(before).toBeLessThan(20);
    distribution.onApplied(0, before);
    distribution.onEnforced(0, before);
    const last = sent.at(-1);
    expect(sent).toHaveLength(before + 1);
    expect(last).toMatchObject({ position: { epoch: 1, rev: 1_000 } });
    expect(last?.type === 'changed' && last.subjects?.users.size).toBe(1_001 - before);
    distribution.onApplied(0, before + 1);
    expect(stages.at(-1)).toEqual(['applied', 'directory', 1_000]);
  });

  it('goes over to everyone where so many subjects come together that looking them up costs more', () => {
    const { distribution, sent } = distributor(1);
    for (let rev = 1; rev <= 300; rev += 1) {
      const users = Array.from({ length: 100 }, (_, index) => sampleUser(`usr_${rev}_${index}`));
      distribution.changed('directory', delivery('directory', rev), subjectsOf(users));
    }
    distribution.onApplied(0, sent.length);
    expect(sent.at(-1)).toMatchObject({ subjects: null });
  });

  it('lets the configuration wait for the workers', async () => {
    const { distribution, sent } = distributor(1);
    for (let rev = 1; rev <= 8; rev += 1) {
      distribution.changed('signals', delivery('signals', rev), user('usr_a'));
    }
    const waiting = distribution.config(delivery('config', 1), [], true);
    expect(sent.some(({ type }) => type === 'config')).toBe(false);
    distribution.onApplied(0, 8);
    await waiting;
    expect(sent.at(-1)).toMatchObject({ type: 'config', whole: true });
  });
});
