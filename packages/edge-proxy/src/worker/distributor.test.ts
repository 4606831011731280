import type { Lane, StateOp } from '@sallyport/shared/state/model';
import { describe, expect, it } from 'vitest';
import { sampleUser } from '../testing/sample-state.ts';
import { type Delivery, Distributor, opsPerMessageMax, type Stage } from './distributor.ts';
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
  silent,
});
const noOps: StateOp[] = [];
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('the distribution of state', () => {
  it('reports a stage when the last worker has reached it', async () => {
    const { distribution, stages } = distributor(2);
    await distribution.frame(delivery('revoke', 1), noOps);
    distribution.onApplied(0, 1);
    distribution.onEnforced(0, 1);
    distribution.onApplied(1, 1);
    expect(stages).toEqual([['applied', 'revoke', 1]]);
    distribution.onEnforced(1, 1);
    expect(stages.at(-1)).toEqual(['enforced', 'revoke', 1]);
  });

  it('reports only the last of several positions, and never one that was refused in part', async () => {
    const { distribution, stages } = distributor(1);
    await distribution.frame(delivery('config', 1), noOps);
    await distribution.frame(delivery('config', 2), noOps);
    await distribution.frame(delivery('config', 3, true), noOps);
    distribution.onApplied(0, 3);
    distribution.onEnforced(0, 3);
    expect(stages).toEqual([
      ['applied', 'config', 2],
      ['enforced', 'config', 2],
    ]);
  });

  it('sends a whole state in slices and reports it when the last is in', async () => {
    const { distribution, sent, stages } = distributor(1);
    const users = Array.from({ length: opsPerMessageMax + 1 }, (_, i) => sampleUser(`usr_${i}`));
    await distribution.state(delivery('directory', 7), [users, users.slice(0, 1)]);
    const slices = sent.filter((message) => message.type === 'rows');
    expect(slices.map(({ ops, first, last }) => [ops.length, first, last])).toEqual([
      [opsPerMessageMax, true, false],
      [1, false, false],
      [1, false, false],
      [0, false, true],
    ]);
    distribution.onApplied(0, 3);
    expect(stages).toEqual([]);
    distribution.onApplied(0, 4);
    expect(stages).toEqual([['applied', 'directory', 7]]);
  });

  it('lets the bulk lanes wait for the workers, and a revocation pass', async () => {
    const { distribution, sent } = distributor(1);
    const users = Array.from({ length: 20 * opsPerMessageMax }, (_, i) => sampleUser(`usr_${i}`));
    const bulk = distribution.state(delivery('directory', 7), [users]);
    await settled();
    const waiting = sent.length;
    expect(waiting).toBeLessThan(20);
    await distribution.frame(delivery('revoke', 1), noOps);
    expect(sent.at(-1)?.lane).toBe('revoke');
    for (let seq = 1; seq <= 22; seq += 1) {
      distribution.onApplied(0, seq);
      distribution.onEnforced(0, seq);
      await settled();
    }
    await bulk;
    expect(sent.filter(({ lane }) => lane === 'directory')).toHaveLength(21);
  });
});
