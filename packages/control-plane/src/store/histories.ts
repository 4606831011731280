import { createHash } from 'node:crypto';
import { asc, eq, inArray, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { userHistories } from './schema/index.ts';

const dayMs = 86_400_000;

/** The key of a user's history: a row for everybody has no room for the id. */
export function historyKey(userId: string): string {
  const hex = createHash('sha256').update(userId).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20, 32),
  ].join('-');
}

/** The history of a user as it stands, for whoever only looks; null: there is none. */
export async function findHistory(db: Executor, userId: string): Promise<Uint8Array | null> {
  const { key, history } = userHistories;
  const [row] = await db
    .select({ history })
    .from(userHistories)
    .where(eq(key, historyKey(userId)));
  return row?.history ?? null;
}

/**
 * The histories of these users, locked until the transaction ends: whoever looks at an event of a
 * user does this first, so that replicas take turns and none counts what another has. Those that
 * are not there are made, empty, because what is not there cannot be locked.
 */
export async function lockHistories(
  db: Executor,
  userIds: readonly string[],
  nowMs: number,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const users = new Map(userIds.map((userId) => [historyKey(userId), userId]));
  const keys = [...users.keys()].sort();
  const found = await lockRows(db, keys);
  const missing = keys.filter((key) => !found.has(key));
  if (missing.length > 0) {
    const rows = missing.map((key) => ({
      key,
      seenDay: Math.floor(nowMs / dayMs),
      history: new Uint8Array(),
    }));
    await db.insert(userHistories).values(rows).onConflictDoNothing();
    // Also those that another replica has made meanwhile.
    for (const [key, history] of await lockRows(db, missing)) found.set(key, history);
  }
  return new Map([...found].map(([key, history]) => [users.get(key) ?? '', history]));
}

async function lockRows(db: Executor, keys: readonly string[]): Promise<Map<string, Uint8Array>> {
  const { key, history } = userHistories;
  const rows = await db
    .select({ key, history })
    .from(userHistories)
    .where(inArray(key, [...keys]))
    .orderBy(asc(key))
    .for('update');
  return new Map(rows.map((row) => [row.key, row.history]));
}

/** Writes histories whose rows this transaction has locked, in one statement. */
export async function writeHistories(
  db: Executor,
  histories: ReadonlyMap<string, Uint8Array>,
  nowMs: number,
): Promise<void> {
  if (histories.size === 0) return;
  const keys = [...histories.keys()].map(historyKey);
  const values = [...histories.values()].map((bytes) => Buffer.from(bytes));
  await db.execute(sql`
    update user_histories set seen_day = ${Math.floor(nowMs / dayMs)}::integer, history = given.history
    from unnest(${sql.param(keys)}::uuid[], ${sql.param(values)}::bytea[]) as given (key, history)
    where user_histories.key = given.key`);
}

/** Forgets what detectors remember of a user. */
export async function deleteHistory(db: Executor, userId: string): Promise<void> {
  await db.delete(userHistories).where(eq(userHistories.key, historyKey(userId)));
}
