import { listAuditAfter } from '../../store/audit.ts';
import type { Executor } from '../../store/database.ts';
import { listFindingsAfter } from '../../store/findings-in-order.ts';
import type { What } from '../rows/row.ts';
import { eventOfAudit, eventOfFinding, type WebhookEvent } from './events.ts';

/** One kind of rows in which events are, followed by their ids. */
export interface EventSource {
  readonly what: What;
  /** Rows after an id and up to another, oldest first; null: the row is no event. */
  after(
    db: Executor,
    afterId: number,
    upToId: number,
    limit: number,
  ): Promise<readonly { readonly id: number; readonly event: WebhookEvent | null }[]>;
}

const audit: EventSource = {
  what: 'audit',
  async after(db, afterId, upToId, limit) {
    const rows = await listAuditAfter(db, afterId, upToId, limit);
    return rows.map((row) => ({ id: row.id, event: eventOfAudit(row) }));
  },
};

const signals: EventSource = {
  what: 'signals',
  async after(db, afterId, upToId, limit) {
    const views = await listFindingsAfter(db, afterId, upToId, limit);
    return views.map((view) => ({ id: view.finding.seq, event: eventOfFinding(view) }));
  },
};

export const eventSources: readonly EventSource[] = [audit, signals];
