import { newId } from '@sallyport/shared/ids';
import { moveCursor, openCursor } from '../../store/export-cursors.ts';
import type { Leader } from '../../store/leases.ts';
import { countPending, insertDeliveries } from '../../store/webhook-deliveries.ts';
import type { EventKind } from './events.ts';
import type { EventSource } from './sources.ts';

/** How long a delivery is tried. */
export const giveUpMs = 24 * 3_600_000;
/** While so many wait, a webhook is given no more: nothing is lost, it only comes later. */
const pendingMax = 10_000;
const rowsMax = 500;

/** The name of a webhook among the cursors; names of exports have no colon. */
export function cursorName(webhook: string): string {
  return `webhook:${webhook}`;
}

/**
 * Makes deliveries of the next events of a source, in one transaction with the cursor: each event is delivered
 * under one id. False: there was nothing to do, or there is no room.
 */
export async function enqueue(
  leader: Leader,
  webhook: { readonly name: string; readonly events: readonly EventKind[] },
  source: EventSource,
  upToId: number,
  nowMs: number,
): Promise<boolean> {
  return leader.run(async (db) => {
    const name = { sink: cursorName(webhook.name), what: source.what };
    const cursor = await openCursor(db, name, () => Promise.resolve(upToId), nowMs);
    if (cursor.position >= upToId) return false;
    if ((await countPending(db, webhook.name, pendingMax)) >= pendingMax) return false;
    const rows = await source.after(db, cursor.position, upToId, rowsMax);
    const last = rows.at(-1);
    if (last === undefined) return false;
    const deliveries = rows.flatMap(({ event }) => {
      if (event === null || !webhook.events.includes(event.kind)) return [];
      const { type, body } = event;
      return [
        {
          id: newId('whd'),
          webhook: webhook.name,
          type,
          body,
          state: 'pending' as const,
          attempts: 0,
          createdAtMs: nowMs,
          nextAtMs: nowMs,
          giveUpAtMs: nowMs + giveUpMs,
        },
      ];
    });
    await insertDeliveries(db, deliveries);
    await moveCursor(db, cursor, last.id, 0, nowMs);
    return rows.length === rowsMax;
  });
}
