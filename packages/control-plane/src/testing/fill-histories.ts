/**
 * What the histories of an installation take in PostgreSQL: COUNT users (1,000,000) who were seen at
 * work for a day, each with a laptop and a telephone, written by the code that a replica runs, and
 * once more for each of another day. A process of its own, with a server in DIRECTORY. Prints one
 * JSON line when it is done.
 */
import { newId } from '@sallyport/shared/ids';
import { createLog } from '@sallyport/shared/log';
import type { Sighted } from '@sallyport/shared/signals/events';
import {
  emptyHistory,
  encodeHistory,
  remember,
  type UserHistory,
} from '@sallyport/shared/signals/history';
import { openDatabase, transaction } from '../store/database.ts';
import { startEmbeddedPostgres } from '../store/embedded/server.ts';
import { lockHistories, writeHistories } from '../store/histories.ts';
import { migrateDatabase } from '../store/migrate.ts';

const count = Number(process.env['COUNT'] ?? '1000000');
const usersAtOnce = 500;
/** As autovacuum does by itself when a fifth of the rows has changed. */
const vacuumsEach = 5;
const dayMs = 86_400_000;
const quarterMs = 900_000;
const office = {
  country: 'DE',
  region: null,
  coordinates: { latitude: 52.52, longitude: 13.4, accuracyKm: 20 },
  egress: null,
};

const log = createLog('error');
const server = await startEmbeddedPostgres({
  directory: process.env['DIRECTORY'] ?? '',
  log,
  durable: false,
});
const database = openDatabase(server.url, log);
await migrateDatabase(database);
// The server's own vacuum may be at work: it is waited for.
const vacuum = await database.connect();
await vacuum.query('set lock_timeout = 0');

/** What is written is made for so many; the others have the same, under keys of their own. */
const patterns = 1_000;
const nowMs = Date.now();
const firstDay = Array.from({ length: patterns }, (_, index) =>
  dayOf(index, emptyHistory, nowMs - dayMs),
);
const secondDay = firstDay.map((before, index) => dayOf(index, before, nowMs));
const users = Array.from({ length: count }, () => newId('usr'));
await write(users, firstDay, nowMs - dayMs);
const made = await sizes();
await write(users.toReversed(), secondDay, nowMs);
const rewritten = await sizes();
const { rows } = await database.bulk.query<{ bytes: number }>(
  'select avg(length(history))::float8 as bytes from user_histories',
);
process.stdout.write(
  `${JSON.stringify({ count, made, rewritten, historyBytes: rows[0]?.bytes ?? 0 })}\n`,
);
await vacuum.end();
await database.close();
await server.stop();

/** In an order that has nothing to do with the keys'. */
async function write(
  userIds: readonly string[],
  histories: readonly UserHistory[],
  atMs: number,
): Promise<void> {
  const encoded = histories.map(encodeHistory);
  const part = Math.ceil(count / vacuumsEach / usersAtOnce) * usersAtOnce;
  for (let from = 0; from < count; from += usersAtOnce) {
    const some = userIds.slice(from, from + usersAtOnce);
    await transaction(database.bulk, async (db) => {
      await lockHistories(db, some, atMs);
      const rows = some.map((userId, index): [string, Uint8Array] => [
        userId,
        encoded[(from + index) % patterns] ?? new Uint8Array(),
      ]);
      await writeHistories(db, new Map(rows), atMs);
    });
    if ((from + usersAtOnce) % part === 0) await vacuum.query('vacuum user_histories');
  }
}

/** An hour of somebody: what is older leaves no more behind. Every third was abroad before. */
function dayOf(index: number, before: UserHistory, atMs: number): UserHistory {
  let history = before;
  for (let quarter = index % 3 === 0 ? -1 : 0; quarter < 4; quarter += 1) {
    for (const device of ['laptop', 'phone']) {
      const country = quarter < 0 ? 'FR' : 'DE';
      const event: Sighted = {
        kind: 'sighted',
        id: newId('req'),
        atMs: quarter < 0 ? atMs - 5 * dayMs : atMs + quarter * quarterMs,
        sourceAddress: '203.0.113.7',
        place: { ...office, country, asn: device === 'phone' ? 6805 : 3320 },
        userId: 'usr',
        deviceId: `${device} ${index}`,
        sid: `ses ${index}`,
        route: 'wiki',
      };
      ({ history } = remember(history, event));
    }
  }
  return history;
}

async function sizes(): Promise<{ readonly total: number; readonly table: number }> {
  const { rows: found } = await database.bulk.query<{ total: string; table: string }>(
    `select pg_total_relation_size('user_histories') as total, pg_table_size('user_histories') as table`,
  );
  return { total: Number(found[0]?.total), table: Number(found[0]?.table) };
}
