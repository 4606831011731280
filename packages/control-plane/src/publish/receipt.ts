import type { Clock } from '@sallyport/shared/clock';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { EdgeReceipt } from '../ports.ts';
import type { KnownEdge } from '../store/edge-status.ts';
import type { Monotonic } from './1-log/follow.ts';
import type { EdgeRegistry } from './edge-registry.ts';
import type { EdgeTracker } from './edge-tracker.ts';
import { isAhead, reaches } from './position.ts';

/** What is known of edges and revisions. */
export interface ReceiptParts {
  readonly tracker: EdgeTracker;
  readonly registry: EdgeRegistry;
  readonly clock: Clock;
  readonly monotonic: Monotonic;
  /** The lanes as far as this replica has read them. */
  readonly heads: () => ReadonlyMap<Lane, Position>;
  /** When (monotonic) this process committed or read the revision; null: not known any more. */
  readonly madeAtMs: (lane: Lane, position: Position) => number | null;
}

/** What edges are asked for. */
export interface Wanted {
  readonly lane: Lane;
  readonly position: Position;
  /** Edges that count also if they are blocked. */
  readonly also: readonly string[];
}

/** What one edge made of a revision, as far as this replica knows now. */
export function receiptOf(parts: ReceiptParts, edge: KnownEdge, wanted: Wanted): EdgeReceipt {
  const { tracker, heads } = parts;
  const { lane, position } = wanted;
  const { id: edgeId, region } = edge;
  const found = tracker.enforcementOf(edgeId, lane, position);
  if (found !== null) {
    const tookMs = tookMsOf(parts, wanted, found.atMs);
    return { edgeId, region, status: 'enforced', tookMs, path: found.path };
  }
  const elsewhere = edge.positions?.[lane]?.enforced ?? null;
  const head = heads().get(lane);
  // Beyond our head it is of a history that this database does not have, or read in a moment.
  const isOurs = elsewhere !== null && head !== undefined && !isAhead(elsewhere, head);
  if (isOurs && reaches(elsewhere, position)) {
    const tookMs = tookMsOf(parts, wanted, enforcedAtMsOf(parts, edge, lane));
    const path = edge.report?.lanes?.[lane]?.path ?? null;
    return { edgeId, region, status: 'enforced', tookMs, path };
  }
  return { edgeId, region, status: 'unreachable', tookMs: null, path: null };
}

/** null: the edge was faster than this process heard of the commit, or nobody knows any more. */
function tookMsOf(
  { madeAtMs }: ReceiptParts,
  { lane, position }: Wanted,
  enforcedAtMs: number,
): number | null {
  const madeMs = madeAtMs(lane, position);
  return madeMs === null || enforcedAtMs < madeMs ? null : round(enforcedAtMs - madeMs);
}

/**
 * When (monotonic here) an edge of another replica said what it enforces. That replica wrote it down
 * by the database's clock, so the clocks of the two do not matter; where it did not, it is now.
 */
function enforcedAtMsOf(
  { registry, monotonic }: ReceiptParts,
  edge: KnownEdge,
  lane: Lane,
): number {
  const writtenMs = edge.positions?.[lane]?.enforcedAtMs ?? null;
  return writtenMs === null ? monotonic() : registry.readAtMs() - (edge.databaseMs - writtenMs);
}

/** To the microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
