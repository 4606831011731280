import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Database } from '../store/database.ts';
import { createEdgeRegistry, type EdgeRegistry } from './edge-registry.ts';

/** Something that edges hold open: Sync streams, connections. */
export interface HeldByEdges {
  edgeIds(): Iterable<string>;
  /** The edge was blocked or deleted: close what it holds. */
  bar(edgeId: string): void;
}

export interface EdgeGuard {
  readonly registry: EdgeRegistry;
  /** Guards this, too; the order is that in which an edge loses what it holds. */
  add(held: HeldByEdges): void;
}

/** Takes away what edges hold when they are no longer among those that take part. */
export function createEdgeGuard(options: {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with each new list of those that take part. */
  readonly onKnown: (isKnown: (edgeId: string) => boolean) => void;
}): EdgeGuard {
  const { database, clock, log, onKnown } = options;
  const guarded: HeldByEdges[] = [];

  const registry = createEdgeRegistry({
    database,
    clock,
    log,
    onRefreshed(known) {
      const present = new Set(guarded.flatMap((held) => [...held.edgeIds()]));
      for (const edgeId of present) if (!known.has(edgeId)) void barUnlessKnown(edgeId);
      onKnown((edgeId) => known.has(edgeId));
    },
  });

  /** An edge may have joined after the list was read, so the database has the last word. */
  const barUnlessKnown = async (edgeId: string): Promise<void> => {
    const standing = await registry.standing(edgeId).catch(() => 'known' as const);
    if (standing === 'known') return;
    log.warn('publish.edge_barred', { edge: edgeId, standing });
    for (const held of guarded) held.bar(edgeId);
  };

  return { registry, add: (held) => guarded.push(held) };
}
