import type { Lane, Position } from '@sallyport/shared/state/model';
import type { EdgeReceipt, Receipts } from '../ports.ts';
import type { KnownEdge } from '../store/edge-status.ts';
import type { CommitTimes } from './commit-times.ts';
import { lagOf } from './lag.ts';
import { type ReceiptParts, receiptOf, type Wanted } from './receipt.ts';

/** An edge of another replica that was seen this recently is worth waiting for. */
const seenElsewhereMs = 5_000;
const elsewherePollMs = 250;
/** So long the list of edges may take also for somebody who does not wait for the edges. */
const listMsMax = 500;

/** Receipts and positions of the edges of one replica, as others of this process ask for them. */
export function createReceipts(
  options: Omit<ReceiptParts, 'madeAtMs'> & {
    /** What this process has committed. */
    readonly commits: CommitTimes;
    /** When (monotonic) this replica read the revision after a position; null: not known any more. */
    readonly readAtMsAfter: (lane: Lane, position: Position) => number | null;
  },
): Receipts {
  const { commits, readAtMsAfter, ...parts } = options;
  const { tracker, heads, monotonic } = parts;
  const madeAtMs = (lane: Lane, position: Position): number | null => {
    const before = { epoch: position.epoch, rev: position.rev - 1 };
    // A revision may have been read before the database's answer to its commit came.
    const known = [commits.find(lane, position), readAtMsAfter(lane, before)];
    const times = known.filter((atMs) => atMs !== null);
    return times.length === 0 ? null : Math.min(...times);
  };
  return {
    waitEnforced: (lane, position, timeoutMs, also = []) =>
      waitEnforced({ ...parts, madeAtMs }, { lane, position, also }, timeoutMs),
    edgesStatus: () => tracker.status(),
    edgeStatus: (edgeId) => tracker.statusOf(edgeId),
    heads,
    lag: (lane, enforced) =>
      lagOf(heads().get(lane), enforced, (position) => {
        const readAtMs = readAtMsAfter(lane, position);
        return readAtMs === null ? null : monotonic() - readAtMs;
      }),
  };
}

/**
 * Waits until every edge that can be reached enforces a position; see `Receipts` in ports.ts. An
 * edge with no stream, here or lately elsewhere, is not waited for.
 */
async function waitEnforced(
  parts: ReceiptParts,
  wanted: Wanted,
  timeoutMs: number,
): Promise<readonly EdgeReceipt[]> {
  const { tracker, registry } = parts;
  const { lane } = wanted;
  const done = Promise.withResolvers<void>();
  const timeout = setTimeout(done.resolve, Math.max(0, timeoutMs));
  await atMost(registry.refresh(), Math.max(timeoutMs, listMsMax));
  /** As each was first seen: how long the others take is nothing to it. */
  const enforced = new Map<string, EdgeReceipt>();
  /** Those that are waited for: with a thousand edges, each answer looks at one. */
  let open = new Set<string>();
  const look = (edge: KnownEdge): void => {
    if (enforced.has(edge.id)) return;
    const receipt = receiptOf(parts, edge, wanted);
    if (receipt.status === 'enforced') enforced.set(edge.id, receipt);
    if (receipt.status !== 'enforced' && isReachable(parts, edge, lane)) open.add(edge.id);
    else open.delete(edge.id);
  };
  const settle = (): void => {
    if (open.size === 0) done.resolve();
  };
  const lookAtAll = (): void => {
    open = new Set();
    for (const edge of counted(parts, wanted)) look(edge);
    settle();
  };
  const stop = tracker.onChange((edgeId) => {
    const edge = registry.find(edgeId);
    if (edge === null || !open.has(edgeId)) return;
    look(edge);
    settle();
  });
  const poll = setInterval(() => {
    if (hasEdgesElsewhere(parts, wanted)) void registry.refresh().then(lookAtAll);
    else lookAtAll();
  }, elsewherePollMs);
  lookAtAll();
  try {
    await done.promise;
    return counted(parts, wanted).map(
      (edge) => enforced.get(edge.id) ?? receiptOf(parts, edge, wanted),
    );
  } finally {
    stop();
    clearInterval(poll);
    clearTimeout(timeout);
  }
}

/** The edges that take part, and those that are wanted besides. */
function counted({ registry }: ReceiptParts, { also }: Wanted): KnownEdge[] {
  const known = registry.known();
  const besides = also.filter((edgeId) => !known.has(edgeId));
  return [...known.values(), ...besides.flatMap((edgeId) => registry.find(edgeId) ?? [])];
}

/** Resolves with the work, or when the time is over. */
async function atMost(work: Promise<void>, ms: number): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, ms);
  await Promise.race([work, late.promise]);
  clearTimeout(timer);
}

function isReachable(parts: ReceiptParts, edge: KnownEdge, lane: Lane): boolean {
  return parts.tracker.carries(edge.id, lane) || seenLately(parts, edge);
}

function seenLately({ clock }: ReceiptParts, edge: KnownEdge): boolean {
  return edge.lastSeenAtMs !== null && clock() - edge.lastSeenAtMs < seenElsewhereMs;
}

function hasEdgesElsewhere(parts: ReceiptParts, wanted: Wanted): boolean {
  return counted(parts, wanted).some(
    (edge) => !parts.tracker.carries(edge.id, wanted.lane) && seenLately(parts, edge),
  );
}
