import { opsFromBytes } from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import { type Database, read } from '../store/database.ts';
import { type KnownEdge, readKnownEdges, readStandings } from '../store/edge-status.ts';
import type { Revision } from '../store/log-connection.ts';

export type Standing = 'known' | 'blocked' | 'unknown';

export interface EdgeRegistry {
  /**
   * What the database says of an edge now. Without a database: what it said last, so that edges
   * can still follow a replica; fails if it was never read.
   */
  standing(edgeId: string): Promise<Standing>;
  /** The edges that take part, as last read. */
  known(): ReadonlyMap<string, KnownEdge>;
  /** Reads them again; calls that come during a read share the one after it. Never rejects. */
  refresh(): Promise<void>;
}

/** Keeps the list of edges. `onRefreshed` is called after each read, to cut those not on it. */
export function createEdgeRegistry(options: {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly onRefreshed: (known: ReadonlyMap<string, KnownEdge>) => void;
}): EdgeRegistry {
  const { database, clock, log, onRefreshed } = options;
  let known: ReadonlyMap<string, KnownEdge> | null = null;
  let reading: Promise<void> | null = null;
  let next: Promise<void> | null = null;

  const readNow = async (): Promise<void> => {
    try {
      const rows = await read(database, (db) => readKnownEdges(db, clock()));
      known = new Map(rows.map((row) => [row.id, row]));
      onRefreshed(known);
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
        if (!outage || known === null) throw error;
        return known.has(edgeId) ? 'known' : 'unknown';
      }
    },
    known: () => known ?? new Map<string, KnownEdge>(),
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
