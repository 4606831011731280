import { and, asc, count, eq, inArray, lte, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { type DeliveryState, webhookDeliveries } from './schema/index.ts';

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;

export async function insertDeliveries(
  db: Executor,
  rows: readonly (typeof webhookDeliveries.$inferInsert)[],
): Promise<void> {
  if (rows.length > 0) await db.insert(webhookDeliveries).values([...rows]);
}

/** What a webhook is to be sent now, the longest due first. */
export async function listDue(
  db: Executor,
  webhook: string,
  nowMs: number,
  limit: number,
): Promise<DeliveryRow[]> {
  const { state, nextAtMs, id } = webhookDeliveries;
  return db
    .select()
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.webhook, webhook), eq(state, 'pending'), lte(nextAtMs, nowMs)))
    .orderBy(asc(nextAtMs), asc(id))
    .limit(limit);
}

/** Notes how an attempt ended, unless somebody else did since it was read. */
export async function noteAttempt(
  db: Executor,
  row: DeliveryRow,
  change: Pick<DeliveryRow, 'state' | 'nextAtMs' | 'lastStatus' | 'lastFailure' | 'settledAtMs'>,
): Promise<void> {
  await db
    .update(webhookDeliveries)
    .set({ ...change, attempts: row.attempts + 1 })
    .where(
      and(
        eq(webhookDeliveries.id, row.id),
        eq(webhookDeliveries.attempts, row.attempts),
        eq(webhookDeliveries.state, 'pending'),
      ),
    );
}

/** Gives up what is past its time, also of webhooks that no configuration has any more. */
export async function giveUpExpired(
  db: Executor,
  nowMs: number,
  limit: number,
): Promise<readonly { readonly webhook: string }[]> {
  const { state, giveUpAtMs, id, webhook } = webhookDeliveries;
  const expired = db
    .select({ id })
    .from(webhookDeliveries)
    .where(and(eq(state, 'pending'), lte(giveUpAtMs, nowMs)))
    .limit(limit)
    .for('update', { skipLocked: true });
  return db
    .update(webhookDeliveries)
    .set({ state: 'dead', settledAtMs: nowMs })
    .where(inArray(id, expired))
    .returning({ webhook });
}

/** Makes a delivery pending again, with a new deadline. */
export async function restartDelivery(
  db: Executor,
  id: string,
  nowMs: number,
  giveUpAtMs: number,
): Promise<DeliveryRow | null> {
  const [row] = await db
    .update(webhookDeliveries)
    .set({ state: 'pending', nextAtMs: nowMs, giveUpAtMs, settledAtMs: null })
    .where(eq(webhookDeliveries.id, id))
    .returning();
  return row ?? null;
}

export interface DeliveryFilter {
  readonly webhook?: string;
  readonly state?: DeliveryState;
}

/** Deliveries without their bodies, newest first. */
export async function listDeliveries(
  db: Executor,
  { webhook, state }: DeliveryFilter,
  page: PageRequest,
): Promise<DeliveryRow[]> {
  const { createdAtMs, id } = webhookDeliveries;
  return db
    .select()
    .from(webhookDeliveries)
    .where(
      and(
        webhook === undefined ? undefined : eq(webhookDeliveries.webhook, webhook),
        state === undefined ? undefined : eq(webhookDeliveries.state, state),
        afterCursor(page, createdAtMs, id),
      ),
    )
    .orderBy(...newestFirst(createdAtMs, id))
    .limit(page.limit + 1);
}

/** How many deliveries of each webhook are in each state, or in one, which is cheap for `pending`. */
export async function countDeliveries(
  db: Executor,
  only?: DeliveryState,
): Promise<readonly { webhook: string; state: DeliveryState; count: number }[]> {
  const { webhook, state } = webhookDeliveries;
  return db
    .select({ webhook, state, count: count() })
    .from(webhookDeliveries)
    .where(only === undefined ? undefined : eq(state, only))
    .groupBy(webhook, state)
    .limit(1_000);
}

/** How many wait for a webhook, as far as `max`. */
export async function countPending(db: Executor, webhook: string, max: number): Promise<number> {
  const { rows } = await db.execute<{ count: string }>(sql`
    select count(*) as count from (
      select 1 from webhook_deliveries where webhook = ${webhook} and state = 'pending'
      limit ${max}) waiting`);
  return Number(rows[0]?.count ?? 0);
}
