/**
 * Fills a database as an installation of that size would have it: devices with a certificate each
 * and ended sessions, straight into the tables and past the log, so no replica may run meanwhile.
 * A process of its own, for measurements: DATABASE_URL and COUNT (1,000,000 of each). Prints one
 * JSON line when it is done.
 */
import { createLog } from '@sallyport/shared/log';
import { openDatabase } from '../store/database.ts';

const count = Number(process.env['COUNT'] ?? '1000000');
const rowsEach = 10_000;
const dayMs = 86_400_000;

const database = openDatabase(process.env['DATABASE_URL'] ?? '', createLog('error'));
const startedAt = performance.now();
const nowMs = Date.now();
for (let from = 1; from <= count; from += rowsEach) {
  await fill(from, Math.min(from + rowsEach - 1, count));
}
const seconds = (performance.now() - startedAt) / 1_000;
process.stdout.write(`${JSON.stringify({ count, seconds })}\n`);
await database.close();

async function fill(from: number, to: number): Promise<void> {
  // In order, so that the indexes are filled at their ends.
  const id = (prefix: string) => `'${prefix}' || lpad(to_hex(i), 26, '0')`;
  const sha256 = `lpad(to_hex(i), 64, '0')`;
  const rows = `generate_series(${from}, ${to}) i`;
  await database.bulk.query(`
    insert into devices (id, name, managed, owner_user_id, created_at_ms, updated_at_ms)
    select ${id('dev_')}, 'laptop-' || i, true, null, ${nowMs}, ${nowMs} from ${rows}`);
  await database.bulk.query(`
    insert into device_certificates
      (sha256, device_id, not_before_ms, not_after_ms, source, der, key_sha256, created_at_ms)
    select ${sha256}, ${id('dev_')}, ${nowMs}, ${nowMs + 90 * dayMs}, 'issued', ''::bytea, ${sha256},
      ${nowMs}
    from ${rows}`);
  await database.bulk.query(`
    insert into ended_sessions (sid, expires_at_ms)
    select ${id('ses_')}, ${nowMs + dayMs} from ${rows}`);
}
