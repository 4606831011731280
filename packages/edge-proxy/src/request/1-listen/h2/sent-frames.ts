import { frameTypes } from './frame-budget.ts';

const headBytes = 9;
/** Of what is read of a payload: the code behind the last stream in a GOAWAY. */
const payloadKeptBytes = 8;

/** Told of what leaves for the client. */
export interface SentEvents {
  /** So many bytes of a body. */
  data(bytes: number): void;
  /** A stream was reset; RFC 9113, section 7. */
  reset(streamId: number, code: number): void;
  /** The connection comes to an end. */
  goAway(code: number): void;
}

/** Reads the heads of our frames as they leave, and why streams are reset. The rest it skips. */
export class SentFrames {
  readonly #events: SentEvents;
  readonly #bytes = Buffer.alloc(headBytes + payloadKeptBytes);
  #filled = 0;
  /** How much of a frame is wanted: its head, or some of its payload too. */
  #wanted = headBytes;
  #toSkip = 0;

  constructor(events: SentEvents) {
    this.#events = events;
  }

  read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#toSkip > 0) {
        const skipped = Math.min(this.#toSkip, chunk.length - at);
        this.#toSkip -= skipped;
        at += skipped;
        continue;
      }
      // Nearly always all of a head is there, and nothing else is wanted.
      const type = chunk[at + 3] ?? 0;
      if (this.#filled === 0 && chunk.length - at >= headBytes && keptOf(type) === 0) {
        this.#toSkip = lengthAt(chunk, at);
        at += headBytes;
        if (type === frameTypes.data) this.#events.data(this.#toSkip);
        continue;
      }
      const taken = chunk.copy(this.#bytes, this.#filled, at, at + this.#wanted - this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled < this.#wanted) return;
      this.#look();
    }
  }

  #look(): void {
    const length = lengthAt(this.#bytes, 0);
    const type = this.#bytes.readUInt8(3);
    const kept = keptOf(type);
    if (this.#filled < headBytes + kept) {
      this.#wanted = headBytes + kept;
      return;
    }
    this.#toSkip = length - kept;
    this.#filled = 0;
    this.#wanted = headBytes;
    if (type === frameTypes.data) this.#events.data(length);
    else if (type === frameTypes.resetStream) {
      const streamId = this.#bytes.readUInt32BE(5) & 0x7fff_ffff;
      this.#events.reset(streamId, this.#bytes.readUInt32BE(headBytes));
    } else if (type === frameTypes.goAway) {
      this.#events.goAway(this.#bytes.readUInt32BE(headBytes + 4));
    }
  }
}

function lengthAt(bytes: Buffer, at: number): number {
  return ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
}

/** Both are always as long: they are ours. */
function keptOf(type: number): number {
  if (type === frameTypes.resetStream) return 4;
  return type === frameTypes.goAway ? payloadKeptBytes : 0;
}
