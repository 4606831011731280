/** What one lane remembers of the positions behind its head. Values; nothing is changed in place. */

export interface Remembered {
  readonly rev: number;
  /** SHA-256 of the frame's body; null where it came as shards. */
  readonly sha256: Uint8Array | null;
  /** Of the lane after this revision; null where it was not computed. */
  readonly digest: Uint8Array | null;
  /** When it was taken, on the monotonic clock. */
  readonly atMs: number;
}

/**
 * The last 1,024 or so positions of one epoch, in order. Entries stand in chunks, so that one more
 * copies a few pointers and not all of them.
 */
export interface LaneHistory {
  readonly epoch: number;
  readonly chunks: readonly (readonly Remembered[])[];
}

const chunkLength = 32;
const chunksMax = 33;

export const emptyHistory: LaneHistory = { epoch: -1, chunks: [] };

/** Goes on with a position. One of another epoch, or not the next, begins anew. */
export function remember(history: LaneHistory, epoch: number, entry: Remembered): LaneHistory {
  const last = history.chunks.at(-1);
  const newest = last?.at(-1);
  if (last === undefined || epoch !== history.epoch || newest?.rev !== entry.rev - 1) {
    return { epoch, chunks: [[entry]] };
  }
  if (last.length < chunkLength) {
    return { epoch, chunks: [...history.chunks.slice(0, -1), [...last, entry]] };
  }
  return { epoch, chunks: [...history.chunks.slice(1 - chunksMax), [entry]] };
}

/** What is remembered of a position; null: nothing any more, or never. */
export function recall(history: LaneHistory, epoch: number, rev: number): Remembered | null {
  const first = history.chunks[0]?.[0];
  if (first === undefined || epoch !== history.epoch) return null;
  for (const chunk of history.chunks) {
    const start = chunk[0];
    if (start === undefined) continue;
    const entry = chunk[rev - start.rev];
    if (entry !== undefined) return entry;
  }
  return null;
}
