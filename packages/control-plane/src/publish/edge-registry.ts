import { opsFromBytes } from '@sallyport/proto';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import { type Database, read } from '../store/database.ts';
import { type KnownEdge, readKnownEdges } from '../store/edge-status.ts';
import { findEdge } from '../store/edges.ts';
import type { Revision } from '../store/log-connection.ts';
import { isBlocked } from '../store/revocations.ts';

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

  return {
    async standing(edgeId) {
      try {
        return await read(database, async (db): Promise<Standing> => {
          if ((await findEdge(db, edgeId)) === null) return 'unknown';
          return (await isBlocked(db, 'edge', edgeId, clock())) ? 'blocked' : 'known';
        });
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
