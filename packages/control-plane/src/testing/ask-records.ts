/**
 * Asks for the last 100 decisions of users, as GET /v1/decisions does, for measurements:
 * DATABASE_URL, USERS and TIMES. Prints one JSON line: milliseconds of each, and one plan.
 */
import { createLog } from '@sallyport/shared/log';
import { decisionsBefore } from '../audit/decisions.ts';
import { summarise } from '../audit/summary.ts';
import { newestRecordId, recordsWithin } from '../store/access-records.ts';
import { openDatabase } from '../store/database.ts';
import { conditionOf } from '../store/records/filter.ts';
import { receivedAtMsOf, recordIdAt } from '../store/records/ids.ts';

const users = Number(process.env['USERS'] ?? '10000');
const times = Number(process.env['TIMES'] ?? '200');
const limit = 100;
const dayMs = 86_400_000;

const database = openDatabase(process.env['DATABASE_URL'] ?? '', createLog('error'));
const userAt = (index: number) => `usr_${String((index * 7_919) % users).padStart(26, '0')}`;

const listMs: number[] = [];
for (let at = 0; at < times; at += 1) {
  const startedAt = performance.now();
  const { rows } = await decisionsBefore(database, { user: userAt(at) }, null, limit);
  listMs.push(performance.now() - startedAt);
  if (rows.length === 0) throw new Error(`${userAt(at)} has no decisions`);
}

const high = (await newestRecordId(database.db)) + 1;
const low = high - recordIdAt(dayMs);
const planned = { low: high - recordIdAt(5 * dayMs), high };
const condition = await conditionOf(database.db, { user: userAt(times) });
const { sql, params } = recordsWithin(database.db, condition, planned, limit + 1).toSQL();
const explained = await database.bulk.query<{ 'QUERY PLAN': string }>(
  `explain (analyze, buffers, costs off) ${sql}`,
  params,
);

const startedAt = performance.now();
const fromMs = receivedAtMsOf(low);
const { counted, cutAtMs } = await summarise(database, 'reason', { fromMs }, 10);
const summaryMs = performance.now() - startedAt;
const plan = explained.rows.map((row) => row['QUERY PLAN']);
const summary = { counted, complete: cutAtMs === null, ms: summaryMs };
process.stdout.write(`${JSON.stringify({ listMs, plan, summary })}\n`);
await database.close();
