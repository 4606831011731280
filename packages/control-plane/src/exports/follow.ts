import type { Clock } from '@sallyport/shared/clock';
import {
  type CursorRow,
  moveCursor,
  noteFailure,
  noteNewest,
  openCursor,
} from '../store/export-cursors.ts';
import type { Leader } from '../store/leases.ts';
import { Backlog, missedRows } from './backlog.ts';
import type { ExportMetrics, Lag } from './metrics.ts';
import type { Read } from './parts.ts';
import type { Turn } from './pump.ts';
import type { ExportRow, RowSource, What } from './rows/row.ts';
import type { Sink } from './sinks/sink.ts';

export interface FollowerParts {
  readonly read: Read;
  readonly clock: Clock;
  readonly metrics: ExportMetrics;
  /** As the settings name it. */
  readonly name: string;
  readonly sink: Sink;
  readonly sources: readonly RowSource[];
  /** Up to where each kind of rows can be followed now; undefined: nobody has looked yet. */
  readonly newest: (what: What) => number | undefined;
}

/** One sink's way through the rows. */
export interface Follower {
  readonly turn: Turn;
  readonly failed: (leader: Leader, failure: Error) => Promise<void>;
  /** Counts what waits, also while the sink is at work on a batch, or stands still. */
  readonly look: () => Promise<void>;
  readonly lags: () => readonly Lag[];
}

interface Progress {
  position: number;
  /** When the oldest row that was not sent came; null: there is none, or nobody has looked yet. */
  waitingSinceMs: number | null;
  /** Rows that are read at once. */
  limit: number;
  readonly backlog: Backlog;
}

const limitFirst = 64;
const batchBytesMin = 1_048_576;
const batchBytesMax = 4_194_304;

/**
 * Sends a sink what it has yet to take, a batch of each kind of rows in turn, oldest first. The place
 * is noted when the sink has taken a batch, under the fence of the lease; so each row is sent at
 * least once, and again where that was not noted any more.
 */
export function createFollower(parts: FollowerParts): Follower {
  const { read, clock, metrics, name, sink, sources } = parts;
  const progress = new Map<What, Progress>();

  const openOne = (leader: Leader, what: What, upToId: number): Promise<CursorRow> =>
    leader.run((db) =>
      openCursor(db, { sink: name, what }, () => Promise.resolve(upToId), clock()),
    );

  /** Of all kinds before any row is sent: what one waits for must not move where another begins. */
  const openAll = async (leader: Leader): Promise<void> => {
    for (const source of sources) {
      const { what } = source;
      const upToId = parts.newest(what);
      if (upToId === undefined || progress.has(what)) continue;
      const { position } = await openOne(leader, what, upToId);
      const backlog = new Backlog(source);
      progress.set(what, { position, waitingSinceMs: null, limit: limitFirst, backlog });
    }
  };

  /** Sends one batch; false: there was none. */
  const step = async (
    leader: Leader,
    source: RowSource,
    upToId: number,
    signal: AbortSignal,
  ): Promise<boolean> => {
    const { what } = source;
    const own = progress.get(what);
    if (own === undefined) return false;
    const cursor = await openOne(leader, what, upToId);
    own.position = cursor.position;
    const limit = Math.min(own.limit, sink.batchMax);
    // Fewer the next time, where so many are more than the database gives in time.
    own.limit = Math.max(1, Math.floor(limit / 2));
    const rows = await read((db) => source.after(db, cursor.position, upToId, limit));
    own.limit = limit;
    const { missed, endId } = await missedRows(read, source, cursor, rows, upToId);
    const last = rows.at(-1)?.position ?? endId;
    own.waitingSinceMs = rows[0]?.receivedAtMs ?? null;
    if (last === cursor.position) return false;
    const { rejected } = rows.length > 0 ? await sink.send(rows, signal) : { rejected: 0 };
    await leader.run((db) => moveCursor(db, cursor, last, missed, clock()));
    own.position = last;
    own.backlog.took(rows.length, last);
    own.waitingSinceMs = null;
    own.limit = nextLimit(limit, rows, sink.batchMax);
    metrics.sent(name, what, rows.length - rejected);
    if (rejected > 0) metrics.rejected(name, rejected);
    if (missed > 0) metrics.missed(name, what, missed);
    return rows.length > 0 && last < upToId;
  };

  return {
    async turn(leader, signal) {
      await openAll(leader);
      let open: readonly RowSource[] = sources;
      while (open.length > 0 && !signal.aborted) {
        const more: RowSource[] = [];
        for (const source of open) {
          const upToId = parts.newest(source.what);
          if (upToId !== undefined && (await step(leader, source, upToId, signal))) {
            more.push(source);
          }
        }
        open = more;
      }
    },
    async failed(leader, failure) {
      metrics.failed(name);
      await leader.run(async (db) => {
        await noteFailure(db, name, failure.message, clock());
        // So that who reads that it fails reads what waits for it, too.
        for (const what of progress.keys()) {
          await noteNewest(db, [name], what, parts.newest(what) ?? 0, clock());
        }
      });
    },
    async look() {
      for (const source of sources) {
        const own = progress.get(source.what);
        if (own === undefined) continue;
        const { position } = own;
        const upToId = parts.newest(source.what) ?? position;
        await own.backlog.count(read, position, upToId);
        if (own.waitingSinceMs !== null || upToId <= position) continue;
        // Not read yet: the sink is at work on another kind of rows, or fails with them.
        const [oldest] = await read((db) => source.after(db, position, upToId, 1));
        if (own.position === position) own.waitingSinceMs ??= oldest?.receivedAtMs ?? null;
      }
    },
    lags: () =>
      [...progress].map(([what, { position, waitingSinceMs, backlog }]) => ({
        sink: name,
        what,
        rows: backlog.rows(position, parts.newest(what) ?? position),
        seconds: waitingSinceMs === null ? 0 : Math.max(0, (clock() - waitingSinceMs) / 1_000),
      })),
  };
}

const sampled = 16;

/** Fewer rows at once where they are large, so that a batch stays within some MiB. */
function nextLimit(limit: number, rows: readonly ExportRow[], max: number): number {
  const every = Math.ceil(rows.length / sampled);
  const sample = rows.filter((_, index) => index % every === 0);
  const bytes = sample.reduce((sum, { value }) => sum + JSON.stringify(value).length, 0);
  const estimate = sample.length === 0 ? 0 : (bytes / sample.length) * limit;
  if (estimate > batchBytesMax) return Math.max(1, Math.floor(limit / 2));
  return estimate < batchBytesMin ? Math.min(max, limit * 2) : limit;
}
