import type { Clock } from '@sallyport/shared/clock';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { EdgeReceipt } from '../ports.ts';
import type { KnownEdge } from '../store/edge-status.ts';
import type { Monotonic } from './1-log/follow.ts';
import type { EdgeRegistry } from './edge-registry.ts';
import type { EdgeTracker } from './edge-tracker.ts';
import { isAhead, reaches } from './position.ts';

/** An edge of another replica that was seen this recently is worth waiting for. */
const seenElsewhereMs = 5_000;
const elsewherePollMs = 250;

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

/**
 * Waits until every edge that can be reached enforces a position; see `Receipts` in ports.ts. An
 * edge with no stream, here or lately elsewhere, is not waited for.
 */
export async function waitEnforced(
  parts: ReceiptParts,
  lane: Lane,
  position: Position,
  timeoutMs: number,
): Promise<readonly EdgeReceipt[]> {
  const { tracker, registry, monotonic } = parts;
  const askedAtMs = monotonic();
  const done = Promise.withResolvers<void>();
  await registry.refresh();
  const receipts = (): readonly EdgeReceipt[] =>
    [...registry.known().values()].map((edge) => receiptOf(parts, edge, lane, position, askedAtMs));
  const check = (): void => {
    const open = [...registry.known().values()].some(
      (edge) =>
        receiptOf(parts, edge, lane, position, askedAtMs).status !== 'enforced' &&
        isReachable(parts, edge, lane),
    );
    if (!open) done.resolve();
  };
  const stop = tracker.onChange(check);
  const poll = setInterval(() => {
    if (hasEdgesElsewhere(parts, lane)) void registry.refresh().then(check);
    else check();
  }, elsewherePollMs);
  const timeout = setTimeout(done.resolve, Math.max(0, timeoutMs));
  check();
  try {
    await done.promise;
    return receipts();
  } finally {
    stop();
    clearInterval(poll);
    clearTimeout(timeout);
  }
}

function receiptOf(
  { tracker, heads, madeAtMs, monotonic }: ReceiptParts,
  edge: KnownEdge,
  lane: Lane,
  position: Position,
  askedAtMs: number,
): EdgeReceipt {
  const { id: edgeId, region } = edge;
  const enforcedAtMs = tracker.enforcedAtMs(edgeId, lane, position);
  if (enforcedAtMs !== null) {
    const tookMs = Math.max(0, enforcedAtMs - (madeAtMs(lane, position) ?? askedAtMs));
    return { edgeId, region, status: 'enforced', tookMs: round(tookMs), path: 'grpc' };
  }
  const elsewhere = edge.positions?.[lane]?.enforced ?? null;
  const head = heads().get(lane);
  // Beyond our head it is of a history that this database does not have, or read in a moment.
  const isOurs = elsewhere !== null && head !== undefined && !isAhead(elsewhere, head);
  if (isOurs && reaches(elsewhere, position)) {
    return {
      edgeId,
      region,
      status: 'enforced',
      tookMs: round(monotonic() - askedAtMs),
      path: 'grpc',
    };
  }
  return { edgeId, region, status: 'unreachable', tookMs: null, path: null };
}

function isReachable(parts: ReceiptParts, edge: KnownEdge, lane: Lane): boolean {
  return parts.tracker.carries(edge.id, lane) || seenLately(parts, edge);
}

function seenLately({ clock }: ReceiptParts, edge: KnownEdge): boolean {
  return edge.lastSeenAtMs !== null && clock() - edge.lastSeenAtMs < seenElsewhereMs;
}

function hasEdgesElsewhere(parts: ReceiptParts, lane: Lane): boolean {
  return [...parts.registry.known().values()].some(
    (edge) => !parts.tracker.carries(edge.id, lane) && seenLately(parts, edge),
  );
}

/** To the microsecond. */
function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
