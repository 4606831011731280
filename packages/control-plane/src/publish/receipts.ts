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
  const wanted: Wanted = { lane, position, askedAtMs: monotonic() };
  const done = Promise.withResolvers<void>();
  await registry.refresh();
  /** Those that are waited for: with a thousand edges, each answer looks at one. */
  let open = new Set<string>();
  const look = (edge: KnownEdge): void => {
    const receipt = receiptOf(parts, edge, wanted);
    if (receipt.status !== 'enforced' && isReachable(parts, edge, lane)) open.add(edge.id);
    else open.delete(edge.id);
  };
  const settle = (): void => {
    if (open.size === 0) done.resolve();
  };
  const lookAtAll = (): void => {
    open = new Set();
    for (const edge of registry.known().values()) look(edge);
    settle();
  };
  const stop = tracker.onChange((edgeId) => {
    const edge = registry.known().get(edgeId);
    if (edge === undefined || !open.has(edgeId)) return;
    look(edge);
    settle();
  });
  const poll = setInterval(() => {
    if (hasEdgesElsewhere(parts, lane)) void registry.refresh().then(lookAtAll);
    else lookAtAll();
  }, elsewherePollMs);
  const timeout = setTimeout(done.resolve, Math.max(0, timeoutMs));
  lookAtAll();
  try {
    await done.promise;
    return [...registry.known().values()].map((edge) => receiptOf(parts, edge, wanted));
  } finally {
    stop();
    clearInterval(poll);
    clearTimeout(timeout);
  }
}

interface Wanted {
  readonly lane: Lane;
  readonly position: Position;
  readonly askedAtMs: number;
}

function receiptOf(
  { tracker, heads, madeAtMs, monotonic }: ReceiptParts,
  edge: KnownEdge,
  { lane, position, askedAtMs }: Wanted,
): EdgeReceipt {
  const { id: edgeId, region } = edge;
  const found = tracker.enforcementOf(edgeId, lane, position);
  if (found !== null) {
    const tookMs = Math.max(0, found.atMs - (madeAtMs(lane, position) ?? askedAtMs));
    return { edgeId, region, status: 'enforced', tookMs: round(tookMs), path: found.path };
  }
  const elsewhere = edge.positions?.[lane]?.enforced ?? null;
  const head = heads().get(lane);
  // Beyond our head it is of a history that this database does not have, or read in a moment.
  const isOurs = elsewhere !== null && head !== undefined && !isAhead(elsewhere, head);
  if (isOurs && reaches(elsewhere, position)) {
    const tookMs = round(monotonic() - askedAtMs);
    const path = edge.report?.lanes?.[lane]?.path ?? null;
    return { edgeId, region, status: 'enforced', tookMs, path };
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
