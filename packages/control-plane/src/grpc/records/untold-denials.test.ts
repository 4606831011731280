import { expect, test } from 'vitest';
import { rewritten } from '../../store/records/received.ts';
import { RecordRows } from '../../store/records/record-rows.ts';
import { accessRecord } from '../../testing/records.ts';
import { UntoldDenials } from './untold-denials.ts';

const edgeId = 'edg_a';
const deny = () => rewritten(accessRecord({ outcome: 'deny' }));

test('of what is known already, only denials that were not told are told', () => {
  const untold = new UntoldDenials();
  const records = [deny(), rewritten(accessRecord({ outcome: 'permit' })), deny()];
  const [first, , last] = records;
  const rows = RecordRows.of(edgeId, records);
  expect(untold.of(rows, new Set())).toEqual(records);
  expect(untold.of(rows, new Set(records))).toEqual([]);
  untold.note(edgeId, records);
  expect(untold.of(rows, new Set(records))).toEqual([first, last]);
  expect(untold.of(RecordRows.of('edg_b', records), new Set(records))).toEqual([]);
  untold.forget(edgeId, records.slice(0, 1));
  expect(untold.of(rows, new Set(records))).toEqual([last]);
});

test('only so many are kept, the latest', () => {
  const untold = new UntoldDenials(2);
  const records = [deny(), deny(), deny()];
  untold.note(edgeId, records.slice(0, 2));
  untold.note(edgeId, records.slice(2));
  const rows = RecordRows.of(edgeId, records);
  expect(untold.of(rows, new Set(records))).toEqual(records.slice(1));
});
