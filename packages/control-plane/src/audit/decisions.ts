import {
  type AccessRecordRow,
  listRecordsAfter,
  listRecordsBefore,
  newestRecordId,
  type RecordFilter,
} from '../store/access-records.ts';
import type { Executor } from '../store/database.ts';

export interface DecisionPage {
  readonly rows: readonly AccessRecordRow[];
  /** Id from which the next page goes on; null: there is none. */
  readonly nextId: number | null;
  /** Id after which everything is newer than this answer. */
  readonly tailId: number;
}

/** Decisions, newest first. */
export async function decisionsBefore(
  db: Executor,
  filter: RecordFilter,
  beforeId: number | null,
  limit: number,
): Promise<DecisionPage> {
  // Read first: what comes in between is in the page and in the tail, never in neither.
  const tailId = await newestRecordId(db);
  const found = await listRecordsBefore(db, filter, beforeId, limit + 1);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  return { rows, nextId: found.length > limit && last !== undefined ? last.id : null, tailId };
}

/** What has come in since, oldest first. The next page is always there: it may be empty yet. */
export async function decisionsAfter(
  db: Executor,
  filter: RecordFilter,
  afterId: number,
  limit: number,
): Promise<DecisionPage> {
  const newest = await newestRecordId(db);
  const rows = await listRecordsAfter(db, filter, afterId, limit);
  // A page that is not full has looked at everything up to the newest id seen before it.
  const seen = rows.length < limit ? Math.max(newest, afterId) : afterId;
  const tailId = Math.max(rows.at(-1)?.id ?? 0, seen);
  return { rows, nextId: tailId, tailId };
}
