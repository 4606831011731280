import { describe, expect, it } from 'vitest';
import type { Block, Generation, LiftedBlock, RevokeOp } from '../state/model.ts';
import { CarriedDenials } from './carried-denials.ts';

const block = (id: string, expiresAtMs: number | null = null): Block => {
  return { op: 'block', revocationId: id, kind: 'user', subjectId: 'usr_a', expiresAtMs };
};
const lift = (id: string): LiftedBlock => {
  return { op: 'lifted_block', revocationId: id, kind: 'user', subjectId: 'usr_a' };
};
const generation = (value: number): Generation => {
  return { op: 'generation', scope: 'user', subjectId: 'usr_a', value };
};
const ended: RevokeOp = { op: 'ended_session', sid: 'ses_a', expiresAtMs: 5 };
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const at = (rev: number, epoch = 1) => ({ epoch, rev });

describe('denials ahead of their turn', () => {
  it('are enforced until the head has reached them', () => {
    const carried = new CarriedDenials();
    expect(carried.early(at(5), [block('one'), ended])).toEqual([block('one'), ended]);
    expect(carried.reached(at(4), false)).toEqual([]);
    expect(carried.reached(at(5), false)).toEqual([
      lift('one'),
      { op: 'forgotten_session', sid: 'ses_a' },
    ]);
    expect(carried.rows).toBe(0);
  });

  it('are carried on where the rows may be of another history, until they arrive', () => {
    const carried = new CarriedDenials();
    carried.early(at(5), [block('one'), ended, generation(3)]);
    carried.early(at(6), [block('later')]);
    expect(carried.reached(at(5), true)).toEqual([]);
    expect(carried.carried()).toEqual({ epoch: 1, denials: [block('one'), ended, generation(3)] });
    expect(carried.arrived(({ op }) => op === 'ended_session', 1)).toEqual([
      { op: 'forgotten_session', sid: 'ses_a' },
    ]);
    expect(carried.blocks()).toEqual([block('one')]);
    expect(carried.arrived(() => false, 2)).toEqual([generation(0)]);
  });

  it('never lift anything', () => {
    const carried = new CarriedDenials();
    carried.carry([block('one')], 2);
    expect(carried.early(at(5, 2), [lift('one'), { op: 'forgotten_session', sid: 'x' }])).toEqual(
      [],
    );
    expect(carried.blocks()).toEqual([block('one')]);
  });

  it('may raise a generation step by step, and give it back', () => {
    const carried = new CarriedDenials();
    expect(carried.early(at(5), [generation(3)])).toEqual([generation(3)]);
    expect(carried.early(at(6), [generation(4)])).toEqual([generation(4)]);
    expect(carried.reached(at(5), false)).toEqual([]);
    expect(carried.reached(at(6), false)).toEqual([generation(0)]);
  });

  it('fall back to the lower generation that still waits', () => {
    const carried = new CarriedDenials();
    carried.early(at(7), [generation(3)]);
    carried.early(at(5), [generation(4)]);
    expect(carried.reached(at(5), false)).toEqual([generation(3)]);
  });

  it('are as strict as the strictest of two frames for one position', () => {
    const carried = new CarriedDenials();
    carried.early(at(5), [generation(4)]);
    expect(carried.early(at(5), [generation(3)])).toEqual([]);
    expect(carried.reached(at(5), false)).toEqual([generation(0)]);
  });

  it('stay as long as any reason is left', () => {
    const carried = new CarriedDenials();
    carried.early(at(5), [block('one')]);
    expect(carried.provisional('p', [block('one')])).toEqual([]);
    expect(carried.reached(at(5), false)).toEqual([]);
    expect(carried.dropProvisional('p')).toEqual([lift('one')]);
  });
});

describe('blocks that a new epoch lacks', () => {
  it('are enforced until they are lifted', () => {
    const carried = new CarriedDenials();
    expect(carried.carry([block('one'), block('two')], 2)).toHaveLength(2);
    expect(carried.applied([lift('one')])).toEqual([lift('one')]);
    expect(carried.blocks()).toEqual([block('two')]);
  });

  it('are given up when they arrive, by a frame or by shards', () => {
    const carried = new CarriedDenials();
    carried.carry([block('one'), block('two')], 2);
    expect(carried.applied([block('one')])).toEqual([lift('one')]);
    expect(carried.arrived((one) => one.op === 'block' && one.revocationId === 'two', 2)).toEqual([
      lift('two'),
    ]);
  });

  it('are not given up for a wall clock that jumps ahead, however far', () => {
    const carried = new CarriedDenials();
    carried.carry([block('one', 100), block('two')], 2);
    expect(carried.expire(99, 0)).toEqual([]);
    for (let nowMs = 0; nowMs < dayMs; nowMs += hourMs) {
      expect(carried.expire(1_000 * dayMs, nowMs)).toEqual([]);
    }
    // It comes back, and the day begins anew.
    carried.expire(99, dayMs - 1);
    expect(carried.expire(1_000 * dayMs, dayMs)).toEqual([]);
    expect(carried.blocks()).toHaveLength(2);
  });

  it('are given up a day after they ended, by both clocks', () => {
    const carried = new CarriedDenials();
    carried.carry([block('one', 100), block('two')], 2);
    expect(carried.expire(99 + dayMs, 0)).toEqual([]);
    expect(carried.expire(100 + dayMs, 1)).toEqual([]);
    expect(carried.expire(100 + dayMs, dayMs)).toEqual([]);
    expect(carried.expire(100 + 2 * dayMs, dayMs + 1)).toEqual([lift('one')]);
    expect(carried.blocks()).toEqual([block('two')]);
  });

  it('are given up only for the same row: by id, kind and subject', () => {
    const carried = new CarriedDenials();
    carried.carry([block('one')], 2);
    const others: Block[] = [
      block('another'),
      { ...block('one'), kind: 'device' },
      { ...block('one'), subjectId: 'usr_b' },
    ];
    expect(carried.applied(others)).toEqual([]);
    for (const { revocationId, kind, subjectId } of others) {
      const op = { op: 'lifted_block', revocationId, kind, subjectId } as const;
      expect(carried.applied([op])).toEqual([]);
    }
    expect(carried.blocks()).toEqual([block('one')]);
  });

  it('are not given up for a row that ends earlier', () => {
    const carried = new CarriedDenials();
    const until = (expiresAtMs: number | null): Block => ({ ...block('one'), expiresAtMs });
    carried.carry([until(9_000)], 2);
    expect(carried.applied([until(8_999)])).toEqual([]);
    expect(carried.blocks()).toEqual([until(9_000)]);
    expect(carried.applied([until(9_000)])).toEqual([lift('one')]);
    carried.carry([until(null)], 3);
    expect(carried.applied([until(9_000)])).toEqual([]);
    expect(carried.applied([until(null)])).toEqual([lift('one')]);
  });

  it('take an early one with them once: if it has arrived, it goes with its position', () => {
    const carried = new CarriedDenials();
    carried.early(at(9), [block('early')]);
    carried.carry([], 2);
    expect(carried.arrived(() => true, 2)).toEqual([]);
    expect(carried.reached(at(1, 2), false)).toEqual([lift('early')]);
    expect(carried.rows).toBe(0);
  });

  it('take with them what had been enforced early, also where nobody says so before the head moves', () => {
    const carried = new CarriedDenials();
    carried.early(at(9), [block('early'), ended]);
    expect(carried.reached(at(1, 2), false)).toEqual([{ op: 'forgotten_session', sid: 'ses_a' }]);
    expect(carried.blocks()).toEqual([block('early')]);
  });

  it('take with them what had been enforced early under the epoch before', () => {
    const carried = new CarriedDenials();
    carried.early(at(9), [block('early'), ended]);
    carried.carry([], 2);
    expect(carried.reached(at(1, 2), false)).toEqual([{ op: 'forgotten_session', sid: 'ses_a' }]);
    expect(carried.blocks()).toEqual([block('early')]);
  });

  it('take with them another early frame for the position, while new rows are on their way', () => {
    const carried = new CarriedDenials();
    carried.early(at(5), [block('one')]);
    carried.carry([], 2);
    carried.early(at(5), [block('other')]);
    expect(carried.reached(at(1, 2), true)).toEqual([]);
    expect(carried.blocks()).toEqual([block('one'), block('other')]);
  });

  it('are not given up with an early denial of the same block', () => {
    const carried = new CarriedDenials();
    carried.carry([block('one')], 2);
    carried.early(at(3, 2), [block('one')]);
    expect(carried.reached(at(3, 2), false)).toEqual([]);
    expect(carried.blocks()).toEqual([block('one')]);
  });
});

describe('generations and ended sessions that the rows of the same epoch lack', () => {
  const forgotten: RevokeOp = { op: 'forgotten_session', sid: 'ses_a' };

  it('are enforced until the epoch ends, when everybody signs in again, and blocks go on', () => {
    const carried = new CarriedDenials();
    const ops = [block('one'), generation(4), ended] as const;
    expect(carried.carry(ops, 2)).toEqual(ops);
    expect(carried.carried()).toEqual({ epoch: 2, denials: ops });
    expect(carried.arrived(() => false, 2)).toEqual([]);
    expect(carried.reached(at(9, 2), false)).toEqual([]);
    expect(carried.arrived(() => false, 3)).toEqual([generation(0), forgotten]);
    expect(carried.blocks()).toEqual([block('one')]);
  });

  it('are enforced again after a restart, until the same epoch ends', () => {
    const before = new CarriedDenials();
    before.carry([generation(4), ended], 2);
    const carried = new CarriedDenials();
    const { denials, epoch } = before.carried();
    expect(carried.carry(denials, epoch)).toEqual([generation(4), ended]);
    expect(carried.arrived(() => false, 2)).toEqual([]);
    expect(carried.arrived(() => false, 3)).toEqual([generation(0), forgotten]);
  });

  it('are given up when they arrive, as strict, or the session is forgotten', () => {
    const carried = new CarriedDenials();
    carried.carry([generation(4), ended], 2);
    expect(carried.applied([generation(3)])).toEqual([]);
    expect(carried.applied([generation(4)])).toEqual([generation(0)]);
    expect(carried.applied([forgotten])).toEqual([forgotten]);
    carried.carry([ended], 2);
    expect(carried.arrived(() => true, 2)).toEqual([forgotten]);
  });

  it('are not given up with an early denial of the same row', () => {
    const carried = new CarriedDenials();
    carried.carry([ended], 2);
    carried.early(at(3, 2), [ended]);
    expect(carried.reached(at(3, 2), false)).toEqual([]);
    expect(carried.reached(at(1, 3), false)).toEqual([]);
    expect(carried.arrived(() => false, 3)).toEqual([forgotten]);
  });

  it('are given up a day after the session ended, by both clocks, and a generation never', () => {
    const carried = new CarriedDenials();
    carried.carry([generation(4), ended], 2);
    expect(carried.expire(dayMs + 5, 0)).toEqual([]);
    expect(carried.expire(2 * dayMs, dayMs)).toEqual([forgotten]);
    expect(carried.expire(1_000 * dayMs, 1_000 * dayMs)).toEqual([]);
    expect(carried.carried().denials).toEqual([generation(4)]);
  });
});
