import type { Socket } from 'node:net';

/** What a direction of a link does to bytes. Absent: nothing. */
export interface Shape {
  readonly delayMs?: number;
  /** Up to so much more, by chance, chunk by chunk; the order stays. */
  readonly jitterMs?: number;
  readonly bytesPerSecond?: number;
}

interface Parcel {
  /** null: the sender is done. */
  readonly bytes: Buffer | null;
  /** performance.now() at which it arrives. */
  readonly dueAtMs: number;
}

const queuedBytesMax = 4 * 1024 * 1024;

/** One direction of one connection: takes from a socket, and gives to another when it is time. */
export class FaultyPipe {
  shape: Shape;
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #queue: Parcel[] = [];
  #queuedBytes = 0;
  #lastDueAtMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #held = false;
  #stopped = false;
  #left = Number.POSITIVE_INFINITY;
  #cut: () => void = () => {};
  readonly #waiting: (() => void)[] = [];

  constructor(from: Socket, to: Socket, shape: Shape) {
    this.#from = from;
    this.#to = to;
    this.shape = shape;
    from.on('data', (bytes: Buffer) => this.#take(bytes));
    from.on('end', () => this.#take(null));
    to.on('drain', () => this.#flow());
  }

  /** Nothing of this direction gets through until `release`. */
  hold(): void {
    this.#held = true;
    this.#from.pause();
  }

  release(): void {
    this.#held = false;
    for (const one of this.#waiting.splice(0)) one();
    this.#flow();
    this.#deliver();
  }

  /** Calls back at once, or when what is held is let go. */
  whenReleased(done: () => void): void {
    if (this.#held && !this.#stopped) this.#waiting.push(done);
    else done();
  }

  /** Calls back when so many more bytes have been given on; none are after them. */
  cutAfter(bytes: number, cut: () => void): void {
    this.#left = bytes;
    this.#cut = cut;
  }

  stop(): void {
    this.#stopped = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#queue.length = 0;
  }

  #take(bytes: Buffer | null): void {
    if (this.#stopped) return;
    const { delayMs = 0, jitterMs = 0, bytesPerSecond } = this.shape;
    const now = performance.now();
    const onTheLinkMs =
      bytesPerSecond === undefined ? 0 : ((bytes?.length ?? 0) * 1000) / bytesPerSecond;
    const arrivesAtMs = now + delayMs + jitterMs * Math.random();
    this.#lastDueAtMs = Math.max(arrivesAtMs, this.#lastDueAtMs) + onTheLinkMs;
    this.#queue.push({ bytes, dueAtMs: this.#lastDueAtMs });
    this.#queuedBytes += bytes?.length ?? 0;
    this.#flow();
    this.#deliver();
  }

  /** The sender is held back, as a full link would, when much is on the way. */
  #flow(): void {
    if (this.#stopped) return;
    const full = this.#queuedBytes > queuedBytesMax || this.#to.writableNeedDrain;
    if (this.#held || full) this.#from.pause();
    else this.#from.resume();
  }

  #deliver(): void {
    if (this.#timer !== null || this.#held || this.#stopped) return;
    for (let parcel = this.#queue[0]; parcel !== undefined; parcel = this.#queue[0]) {
      const waitMs = parcel.dueAtMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#deliver();
        }, waitMs);
        return;
      }
      this.#queue.shift();
      if (!this.#give(parcel.bytes)) return;
    }
    this.#flow();
  }

  /** Whether the connection is still there. */
  #give(bytes: Buffer | null): boolean {
    if (bytes === null) {
      this.#to.end();
      return true;
    }
    this.#queuedBytes -= bytes.length;
    const part = bytes.subarray(0, Math.min(bytes.length, this.#left));
    this.#to.write(part);
    this.#left -= part.length;
    if (this.#left > 0) return true;
    this.stop();
    // What was given on before the cut gets there.
    this.#to.write('', () => this.#cut());
    return false;
  }
}
