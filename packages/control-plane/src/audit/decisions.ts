import {
  type AccessRecordRow,
  idAhead,
  listRecordsAfter,
  listRecordsWithin,
  newestRecordId,
} from '../store/access-records.ts';
import { type Database, type Executor, read } from '../store/database.ts';
import { oldestRecordId } from '../store/records/days.ts';
import { conditionOf, type RecordFilter } from '../store/records/filter.ts';
import { bytesOf } from '../store/records/in-bites.ts';
import { readInTurn } from './read-in-turn.ts';
import { walkDown } from './slices.ts';

export interface DecisionPage {
  readonly rows: readonly AccessRecordRow[];
  /** Id from which the next page goes on; null: there is none. */
  readonly nextId: number | null;
  /** Id after which everything is newer than this answer. */
  readonly tailId: number;
}

/** So long a page is looked for; what is found by then is the page. */
const pageMs = 4_000;
/** The record that makes a page so large is its last: each may be a MiB. */
const pageBytesMax = 8 * 1024 * 1024;

/**
 * Decisions, newest first. A page may have fewer rows than the limit, or none, and still be followed
 * by another: where few of many records are asked for, it ends when its time is over, and where they
 * are large, when it has some MiB.
 */
export async function decisionsBefore(
  database: Database,
  filter: RecordFilter,
  beforeId: number | null,
  limit: number,
): Promise<DecisionPage> {
  const { condition, tailId, lowId } = await read(database, async (db) => ({
    condition: await conditionOf(db, filter),
    // Read first: what comes in between is in the page and in the tail, never in neither.
    tailId: await newestRecordId(db),
    lowId: await oldestRecordId(db),
  }));
  const found: AccessRecordRow[] = [];
  const bounds = {
    lowId,
    highId: beforeId ?? tailId + 1,
    stopAtMs: performance.now() + pageMs,
  };
  let bytesLeft = pageBytesMax;
  const isFull = () => found.length > limit || bytesLeft <= 0;
  const walk = await walkDown(filter, bounds, async (slice) => {
    const rows = await readInTurn(database, (db) =>
      listRecordsWithin(db, condition, slice, limit + 1 - found.length, bytesLeft),
    );
    found.push(...rows);
    bytesLeft -= bytesOf(rows);
    return isFull() ? 'enough' : 'more';
  });
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  if (isFull() && last !== undefined) return { rows, nextId: last.id, tailId };
  return { rows, nextId: walk.complete ? null : walk.downTo, tailId };
}

/** Records that one page of a tail looks through at the most. */
const tailRecordsMax = 20_000;

/** What has come in since, oldest first. The next page is always there: it may be empty yet. */
export async function decisionsAfter(
  db: Executor,
  filter: RecordFilter,
  afterId: number,
  limit: number,
): Promise<DecisionPage> {
  const newest = await newestRecordId(db);
  const far = await idAhead(db, afterId, tailRecordsMax);
  const end = { beforeId: (far ?? newest) + 1, bytesMax: pageBytesMax };
  const rows = await listRecordsAfter(db, filter, afterId, limit, end);
  // A page that is not full has looked at everything up to there.
  const isFull = rows.length === limit || bytesOf(rows) >= pageBytesMax;
  const seen = !isFull ? Math.max(far ?? newest, afterId) : afterId;
  const tailId = Math.max(rows.at(-1)?.id ?? 0, seen);
  return { rows, nextId: tailId, tailId };
}
