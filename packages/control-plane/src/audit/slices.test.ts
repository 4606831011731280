import { expect, test } from 'vitest';
import type { IdRange } from '../store/access-records.ts';
import { databaseFailure } from '../store/failure.ts';
import { recordIdAt } from '../store/records/ids.ts';
import { testDatabase } from '../testing/database.ts';
import { walkDown } from './slices.ts';

const { database } = await testDatabase();
const hourMs = 3_600_000;
const nowMs = Date.UTC(2026, 10, 23, 12);
const highId = recordIdAt(nowMs);
const lowId = recordIdAt(nowMs - 30 * hourMs);
const never = Number.POSITIVE_INFINITY;

/** How the database refuses a statement that takes too long. */
async function tooSlow(): Promise<unknown> {
  const client = await database.ordinary.connect();
  try {
    await client.query('set statement_timeout = 1');
    return await client.query('select pg_sleep(10)').catch(databaseFailure);
  } finally {
    client.release(true);
  }
}

test('slices go down without a gap, longer and longer, and end where there is enough', async () => {
  const seen: IdRange[] = [];
  const read = async (slice: IdRange) => {
    seen.push(slice);
    return seen.length === 2 ? 'enough' : 'more';
  };
  await walkDown({}, { lowId, highId, stopAtMs: never }, read);
  expect(seen).toEqual([
    { low: recordIdAt(nowMs - hourMs), high: highId },
    { low: recordIdAt(nowMs - 5 * hourMs), high: recordIdAt(nowMs - hourMs) },
  ]);
});

test('a statement that takes too long is made again for less, and nothing is left out', async () => {
  const error = await tooSlow();
  let reached = highId;
  const lengths: number[] = [];
  const walk = await walkDown({}, { lowId, highId, stopAtMs: never }, async ({ low, high }) => {
    lengths.push(high - low);
    expect(high).toBe(reached);
    if (lengths.length === 1) throw error;
    reached = low;
    return 'more';
  });
  expect(lengths[1]).toBeLessThan(lengths[0] ?? 0);
  expect([walk, reached]).toEqual([{ downTo: lowId, complete: true }, lowId]);
});

test('when its time is over it says how far it came', async () => {
  const walk = await walkDown({}, { lowId, highId, stopAtMs: 0 }, async () => 'more');
  expect(walk).toEqual({ downTo: recordIdAt(nowMs - hourMs), complete: false });
});

test('of what came in after the instant asked for only what was late is looked at', async () => {
  const seen: IdRange[] = [];
  const filter = { user: 'usr_a', toMs: nowMs - 10 * hourMs };
  await walkDown(filter, { lowId, highId, stopAtMs: never }, async (slice) => {
    seen.push(slice);
    return 'more';
  });
  const split = recordIdAt(nowMs - 9 * hourMs + 1);
  expect(seen).toEqual([
    { low: split, high: highId, late: true },
    { low: lowId, high: split },
  ]);
});
