import { opsFromBytes } from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import { type Database, read } from '../store/database.ts';
import { type KnownEdge, readKnownEdges, readStandings } from '../store/edge-status.ts';
import type { Revision } from '../store/log-connection.ts';
import type { Monotonic } from './1-log/follow.ts';

export type Standing = 'known' | 'blocked' | 'unknown';

export interface EdgeRegistry {
  /**
   * What the database says of an edge now. Without a database: what it said last, so that edges
   * can still follow a replica; fails if it was never read.
   */
  standing(edgeId: string): Promise<Standing>;
  /** The edges that take part, as last read: joined, not deleted, not blocked. */
  known(): ReadonlyMap<string, KnownEdge>;
  /** The same of one edge, also if it is blocked; null: it never joined, or was deleted. */
  find(edgeId: string): KnownEdge | null;
  /** When (monotonic) they were last read; -Infinity before the first time. */
  readAtMs(): number;
  /** Reads them again; calls that come during a read share the one after it. Never rejects. */
  refresh(): Promise<void>;
}

/** Keeps the list of edges. `onRefreshed` is called after each read. */
export function createEdgeRegistry(options: {
  readonly database: Database;
  readonly clock: Clock;
  readonly monotonic: Monotonic;
  readonly log: Log;
  readonly onRefreshed: () => void;
}): EdgeRegistry {
  const { database, clock, monotonic, log, onRefreshed } = options;
  let all: ReadonlyMap<string, KnownEdge> | null = null;
  let known: ReadonlyMap<string, KnownEdge> = new Map();
  let readAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  const readNow = async (): Promise<void> => {
    try {
      const rows = await read(database, (db) => readKnownEdges(db, clock()));
      readAtMs = monotonic();
      all = new Map(rows.map((row) => [row.id, row]));
      known = new Map([...all].filter(([, { blocked }]) => !blocked));
      onRefreshed();
    } catch (error) {
      log.warn('publish.edges_unreadable', { error });
    }
  };

  const refresh = (): Promise<void> => {
    if (reading === null) {
      reading = readNow().finally(() => {
        reading = null;
      });
      return reading;
    }
    next ??= reading.then(() => {
      next = null;
      return refresh();
    });
    return next;
  };

  const standings = batched((ids: readonly string[]) =>
    read(database, (db) => readStandings(db, ids, clock())),
  );

  return {
    async standing(edgeId) {
      try {
        return (await standings(edgeId)).get(edgeId) ?? 'unknown';
      } catch (error) {
        const outage = error instanceof SallyportError && error.code === 'database_unavailable';
        if (!outage || all === null) throw error;
        const edge = all.get(edgeId);
        if (edge === undefined) return 'unknown';
        return edge.blocked ? 'blocked' : 'known';
      }
    },
    known: () => known,
    find: (edgeId) => all?.get(edgeId) ?? null,
    readAtMs: () => readAtMs,
    refresh,
  };
}

/**
 * One question for all that is asked while the one before is under way: a thousand edges that come
 * back together are a few statements.
 */
function batched<Answer>(
  ask: (ids: readonly string[]) => Promise<Answer>,
): (id: string) => Promise<Answer> {
  let waiting: { readonly ids: Set<string>; readonly answer: Promise<Answer> } | null = null;
  let running: Promise<unknown> = Promise.resolve();
  return (id) => {
    if (waiting === null) {
      const ids = new Set<string>();
      const answer = running.then(() => {
        waiting = null;
        return ask([...ids]);
      });
      running = answer.catch(() => undefined);
      waiting = { ids, answer };
    }
    waiting.ids.add(id);
    return waiting.answer;
  };
}

/** Whether a revision may change who takes part. */
export function concernsEdges({ lane, body }: Revision): boolean {
  if (lane !== 'revoke' && lane !== 'config') return false;
  return opsFromBytes(body).some(
    (op) =>
      op.op === 'lifted_block' ||
      op.op === 'edge_keys' ||
      op.op === 'deleted_edge' ||
      (op.op === 'block' && op.kind === 'edge'),
  );
}

/** Whether a revision changes what is signed with. */
export function concernsKeys({ lane, body }: Revision): boolean {
  if (lane !== 'config') return false;
  return opsFromBytes(body).some(({ op }) => op === 'signing_key' || op === 'deleted_signing_key');
}
