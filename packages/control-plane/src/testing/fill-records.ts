/**
 * Fills the access records as so many users leave them in ten days, made by the server itself and
 * past the writer. For measurements: DATABASE_URL, ROWS and USERS. Prints one JSON line when done.
 */
import { createLog } from '@sallyport/shared/log';
import { openDatabase } from '../store/database.ts';
import { readDatabaseMs } from '../store/edge-status.ts';
import { dayAt, dayStartMs, recordIdAt } from '../store/records/ids.ts';
import { typicalRecord } from './typical-record.ts';

const rows = Number(process.env['ROWS'] ?? '5000000');
const users = Number(process.env['USERS'] ?? '10000');
const days = 10;
const eachDay = Math.ceil(rows / days);

const database = openDatabase(process.env['DATABASE_URL'] ?? '', createLog('error'));
const client = await database.connect();
const startedAt = performance.now();
const today = dayAt(await readDatabaseMs(database.db));
await client.query(`set maintenance_work_mem = '512MB'; set lock_timeout = 0`);
for (let day = today - days; day < today; day += 1) await fillDay(day);
await client.query(
  `update access_record_head set id = greatest(id, ${recordIdAt(dayStartMs(today))})`,
);
await client.query('vacuum analyze access_records');
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${JSON.stringify({ rows: eachDay * days, seconds })}\n`);
await client.end();
await database.close();

/** Loaded before it has indexes and before it belongs to the others, in one transaction. */
async function fillDay(day: number): Promise<void> {
  const table = `access_records_${new Date(dayStartMs(day)).toISOString().slice(0, 10).replaceAll('-', '')}`;
  const [from, to] = [day, day + 1].map((one) => recordIdAt(dayStartMs(one)));
  const step = Math.floor(((to ?? 0) - (from ?? 0)) / eachDay);
  // Without facts: the record is shorter than a real one, the columns are the same.
  const record = JSON.stringify({ ...typicalRecord(0), correlationId: 'CORRELATION', facts: null });
  await client.query('begin');
  await client.query(
    `create table ${table} (like access_records including defaults) with (toast_tuple_target = 8160)`,
  );
  await client.query({
    text: `
      insert into ${table} (id, time_ms, config_version, shadow_version, edge_id, correlation_id,
        user_id, user_email, device_id, route, host, outcome, reasons, rule_ids, source_address, record)
      select id, (id >> 11) - 40, 42, null, 'edg_' || lpad((i % 4)::text, 26, '0'), correlation_id,
        'usr_' || lpad(u::text, 26, '0'), 'user' || u || '@corp.example',
        'dev_' || lpad(u::text, 26, '0'), 'app' || (u % 20), 'app' || (u % 20) || '.corp.example',
        case when i % 50 = 0 then 'deny' else 'permit' end,
        array[case when i % 50 = 0 then 'group_missing' else 'rule_allowed' end],
        array['staff/allow/employees'], ('203.0.' || (u % 250) || '.' || (u % 200))::inet,
        replace($1, 'CORRELATION', correlation_id)::json
      from (
        select i, ${from ?? 0}::bigint + i * ${step}::bigint as id,
          'req_' || substr(md5(i || 'of ${day}'), 1, 26) as correlation_id,
          (hashint8(i + ${day}::bigint * 1000000000) & 2147483647) % ${users} as u
        from generate_series(0::bigint, ${eachDay - 1}) i
      ) made`,
    values: [record],
  });
  await client.query(
    `alter table access_records attach partition ${table} for values from (${from}) to (${to})`,
  );
  await client.query('commit');
}
