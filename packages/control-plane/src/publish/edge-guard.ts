import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Database } from '../store/database.ts';
import type { Monotonic } from './1-log/follow.ts';
import { createEdgeRegistry, type EdgeRegistry } from './edge-registry.ts';

/** Something that edges hold open: Sync streams, connections. */
export interface HeldByEdges {
  edgeIds(): Iterable<string>;
  /** The edge was blocked, and is cut in a moment: it is told of revocations alone, and heard of them. */
  hush?(edgeId: string): void;
  /** The edge was blocked or deleted: close what it holds. */
  bar(edgeId: string): void;
}

export interface EdgeGuard {
  readonly registry: EdgeRegistry;
  /** Guards this, too; the order is that in which an edge loses what it holds. */
  add(held: HeldByEdges): void;
}

/**
 * So long a blocked edge may take its block and say that it enforces it, which whoever blocked it
 * wants to know; longer than the round in which that is written down for other replicas. It is
 * told nothing else in this time, and nothing else that it says is heard.
 */
const lastWordMsDefault = 1_200;

/** Takes away what edges hold when they are no longer among those that take part. */
export function createEdgeGuard(options: {
  readonly database: Database;
  readonly clock: Clock;
  readonly monotonic: Monotonic;
  readonly log: Log;
  /** Default: 1.2 s. */
  readonly lastWordMs?: number;
  /** Called with each new list of edges, those that are blocked among them. */
  readonly onListed: (isListed: (edgeId: string) => boolean) => void;
}): EdgeGuard {
  const { database, clock, monotonic, log, onListed, lastWordMs = lastWordMsDefault } = options;
  const guarded: HeldByEdges[] = [];
  /** Those that are cut in a moment. */
  const leaving = new Map<string, NodeJS.Timeout>();

  const registry = createEdgeRegistry({
    database,
    clock,
    monotonic,
    log,
    onRefreshed() {
      const known = registry.known();
      const present = new Set(guarded.flatMap((held) => [...held.edgeIds()]));
      for (const edgeId of present) if (!known.has(edgeId)) void barUnlessKnown(edgeId);
      onListed((edgeId) => registry.find(edgeId) !== null);
    },
  });

  /** An edge may have joined after the list was read, so the database has the last word. */
  const barUnlessKnown = async (edgeId: string): Promise<void> => {
    const standing = await registry.standing(edgeId).catch(() => 'known' as const);
    if (standing === 'known' || (standing === 'blocked' && leaving.has(edgeId))) return;
    log.warn('publish.edge_barred', { edge: edgeId, standing });
    if (standing === 'unknown') return bar(edgeId);
    for (const held of guarded) held.hush?.(edgeId);
    leaving.set(edgeId, setTimeout(() => bar(edgeId), lastWordMs).unref());
  };

  const bar = (edgeId: string): void => {
    clearTimeout(leaving.get(edgeId));
    leaving.delete(edgeId);
    for (const held of guarded) held.bar(edgeId);
  };

  return { registry, add: (held) => guarded.push(held) };
}
