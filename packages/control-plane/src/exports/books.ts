import { forgetCursors, noteNewest } from '../store/export-cursors.ts';
import type { Leader } from '../store/leases.ts';
import { countDeliveries, giveUpExpired } from '../store/webhook-deliveries.ts';
import type { ExportMetrics } from './metrics.ts';
import type { Outlet } from './outlets.ts';
import type { What } from './rows/row.ts';

const expiredMax = 1_000;
/** A sink that the settings have not had for so long begins anew when they have it again. */
const cursorKeptMs = 30 * 86_400_000;

/** What is noted now and then: how far rows go, what waits, and what nobody waits for any more. */
export async function keepBooks(
  leader: Leader,
  parts: {
    readonly open: readonly Outlet[];
    readonly newest: ReadonlyMap<What, number>;
    readonly pending: Map<string, number>;
    readonly metrics: ExportMetrics;
    readonly nowMs: number;
  },
): Promise<void> {
  const { open, newest, pending, metrics, nowMs } = parts;
  const names = open.map(({ cursor }) => cursor);
  await leader.run(async (db) => {
    for (const [what, id] of newest) await noteNewest(db, names, what, id, nowMs);
    await forgetCursors(db, nowMs - cursorKeptMs);
  });
  const { dead, counts } = await leader.run(async (db) => ({
    dead: await giveUpExpired(db, nowMs, expiredMax),
    counts: await countDeliveries(db, 'pending'),
  }));
  for (const { webhook } of dead) metrics.delivery(webhook, 'dead');
  pending.clear();
  for (const { webhook, count } of counts) pending.set(webhook, count);
}
