import type { RecordRows } from '../../store/records/record-rows.ts';
import type { Bound, WaitingBatch } from './waiting-batch.ts';

/** What one transaction stores of a batch. */
export interface Part {
  readonly batch: WaitingBatch;
  readonly rows: RecordRows;
}

/** Of an edge in one transaction, while others have records, too: a batch as edges send them fits. */
const turnBytesMax = 1.5 * 1024 * 1024;
/** An edge that was served so lately is about to send more. */
const lateMs = 2_000;

/**
 * The batches that wait, by edge. Edges take turns, and a turn has a bound in bytes, so that one that
 * sends much, on however many streams, holds up its own records and not those of others.
 */
export class RecordTurns {
  /** The next to have a turn first. */
  readonly #queues = new Map<string, WaitingBatch[]>();
  /** When edges were served, the longest ago first. */
  readonly #servedAtMs = new Map<string, number>();

  get isEmpty(): boolean {
    return this.#queues.size === 0;
  }

  push(batch: WaitingBatch): void {
    const queue = this.#queues.get(batch.rows.edgeId);
    if (queue === undefined) this.#queues.set(batch.rows.edgeId, [batch]);
    else queue.push(batch);
  }

  /** Takes no more of a batch. */
  drop(batch: WaitingBatch): void {
    const { edgeId } = batch.rows;
    const queue = this.#queues.get(edgeId)?.filter((one) => one !== batch) ?? [];
    if (queue.length === 0) this.#queues.delete(edgeId);
    else this.#queues.set(edgeId, queue);
  }

  /** Takes what the next transaction stores. */
  next(bound: Bound): Part[] {
    const turn = { ...bound, bytes: Math.min(bound.bytes, this.#turnBytes()) };
    const parts: Part[] = [];
    let { records, bytes } = bound;
    for (const [edgeId, queue] of [...this.#queues]) {
      const room = { records, bytes: Math.min(bytes, turn.bytes) };
      const taken = takeTurn(queue, room, turn, parts.length === 0);
      if (taken.length === 0) break;
      for (const part of taken) {
        records -= part.rows.records.length;
        bytes -= part.rows.bytes;
      }
      parts.push(...taken);
      this.#served(edgeId, queue);
      if (records <= 0 || bytes <= 0) break;
    }
    return parts;
  }

  /** An edge that is alone has no bound of its own. */
  #turnBytes(): number {
    const now = performance.now();
    for (const [edgeId, atMs] of this.#servedAtMs) {
      if (now - atMs < lateMs) break;
      this.#servedAtMs.delete(edgeId);
    }
    const edges = new Set([...this.#servedAtMs.keys(), ...this.#queues.keys()]);
    return edges.size > 1 ? turnBytesMax : Number.POSITIVE_INFINITY;
  }

  #served(edgeId: string, queue: readonly WaitingBatch[]): void {
    const left = queue.filter(({ isTaken }) => !isTaken);
    this.#queues.delete(edgeId);
    if (left.length > 0) this.#queues.set(edgeId, left);
    this.#servedAtMs.delete(edgeId);
    this.#servedAtMs.set(edgeId, performance.now());
  }
}

/**
 * Takes the batches of one edge that there is room for, whole. One that is larger than a whole turn
 * is taken in parts; one that is not waits for the next transaction where the room is too small.
 */
function takeTurn(
  queue: readonly WaitingBatch[],
  room: Bound,
  turn: Bound,
  isFirst: boolean,
): Part[] {
  const parts: Part[] = [];
  let { records, bytes } = room;
  for (const batch of queue) {
    const left = { records, bytes };
    const isWhole = batch.fits(left);
    if (!isWhole && (parts.length > 0 || (!isFirst && batch.fits(turn)))) break;
    const rows = batch.take(left);
    parts.push({ batch, rows });
    records -= rows.records.length;
    bytes -= rows.bytes;
    if (!isWhole || records <= 0 || bytes <= 0) break;
  }
  return parts;
}
