import { expect, it } from 'vitest';
import { LaneAges } from '../state/lane-ages.ts';
import { monotonicMs } from '../state/monotonic.ts';
import { warningsOf } from './warnings.ts';

const records = { spoolFailing: false, recordsFull: false, overloaded: false };

it('warns of a disk, of control planes that do not answer, and of lanes that nothing is heard of', () => {
  const ages = new LaneAges();
  const warnings = (diskFailing: boolean, answered: boolean) =>
    warningsOf({ ...records, diskFailing, answered, ages });
  expect(warnings(false, true)).toEqual([]);
  const busy = { spoolFailing: true, recordsFull: true, overloaded: true };
  expect(warningsOf({ ...busy, diskFailing: false, answered: true, ages })).toEqual([
    'record_spool_failing',
    'records_full',
    'overloaded',
  ]);
  expect(warnings(true, false)).toEqual(['disk_failing', 'control_plane_unreachable']);
  ages.set('revoke', monotonicMs() - 60_000);
  ages.set('config', monotonicMs());
  ages.set('directory', Number.NEGATIVE_INFINITY);
  expect(warnings(false, true)).toEqual(['state_stale:revoke', 'state_stale:directory']);
});
