import { expect, test } from 'vitest';
import type { KnownEdge } from '../../store/edge-status.ts';
import { attendanceOf } from '../attendance.ts';
import { edgeLossGate } from './edge-loss.ts';
import type { GateContext } from './gate.ts';

const nowMs = 1_800_000_000_000;
const stage = { stageReleasedAtMs: nowMs - 120_000, stageEpoch: 1, stageRev: 7 };

function edge(id: number, seenAgoMs: number): KnownEdge {
  const position = { epoch: 1, rev: 7 };
  return {
    id: `edg_${id}`,
    region: '',
    labels: {},
    lastSeenAtMs: null,
    positions: { config: { applied: position, enforced: position } },
    report: { replica: '', seenAtMs: nowMs - seenAgoMs, lanes: {}, carriedBlocks: null },
    blocked: false,
    databaseMs: nowMs,
  };
}

/** What the gate says of twenty edges of which so many are gone for a minute and a half. */
async function saidOf(gone: number) {
  const edges = Array.from({ length: 20 }, (_, id) => edge(id, id < gone ? 90_000 : 1_000));
  const attendance = attendanceOf(stage, edges, []);
  const missing = Object.fromEntries(attendance.missing.map(({ id }) => [id, nowMs - 75_000]));
  return edgeLossGate.check({
    attendance,
    decisions: { missing },
    rollout: { version: 7 },
    nowMs,
  } as unknown as GateContext);
}

test('of many edges one in ten may come and go', async () => {
  expect(await saidOf(2)).toBe('pass');
  expect(await saidOf(4)).toEqual({
    fail:
      '4 of 20 edges that got version 7 are missing for 60 s while 16 of 20 to compare with are ' +
      'well: edge edg_0 was last seen 2027-01-15T07:58:30.000Z, edge edg_1 was last seen ' +
      '2027-01-15T07:58:30.000Z, edge edg_2 was last seen 2027-01-15T07:58:30.000Z and 1 more',
  });
});

test('where most are gone nobody is left to tell whether it is the version', async () => {
  expect(await saidOf(11)).toEqual({
    wait: '11 of 20 edges that got version 7 are missing, and most of the others are not there either',
  });
});
