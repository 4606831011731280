import type { RefusalCode } from '../../words.ts';
import { FrameBudget, frameFlags, frameTypes } from './frame-budget.ts';

/** The client's first words: RFC 9113, section 3.4. nghttp2 compares them. */
const prefaceBytes = 24;
const headBytes = 9;
/** Of one header section, as it travels. */
const blockBytesMax = 65_536;

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/**
 * Reads the heads of a client's frames as they come, and puts header blocks together: RFC 9113,
 * section 4. Everything else it skips. What it reads is never used as the request.
 */
export class FrameReader {
  readonly #budget = new FrameBudget();
  /** A stream was opened; the block of its headers, whole. */
  readonly #opened: (streamId: number, block: Uint8Array) => void;
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #toSkip = prefaceBytes;
  /** Of a frame with headers, whose payload is being kept; null: of another. */
  #frame: Frame | null = null;
  #payload: Buffer[] = [];
  #payloadLeft = 0;
  #block: Uint8Array[] = [];
  #blockBytes = 0;
  #blockSince = 0;
  #lastStreamId = 0;

  constructor(opened: (streamId: number, block: Uint8Array) => void) {
    this.#opened = opened;
  }

  /** When a header section began that has not ended yet; 0: none has. */
  get blockSince(): number {
    return this.#blockSince;
  }

  /** Why the connection has to end; null: it may go on. `nowMs` only rises. */
  read(chunk: Buffer, nowMs: number): RefusalCode | null {
    let at = 0;
    while (at < chunk.length) {
      if (this.#toSkip > 0) {
        const skipped = Math.min(this.#toSkip, chunk.length - at);
        this.#toSkip -= skipped;
        at += skipped;
      } else if (this.#payloadLeft > 0) {
        const part = chunk.subarray(at, at + this.#payloadLeft);
        this.#payload.push(part);
        this.#payloadLeft -= part.length;
        at += part.length;
        if (this.#payloadLeft === 0) this.#endHeaders();
      } else {
        const taken = chunk.copy(
          this.#head,
          this.#headFilled,
          at,
          at + headBytes - this.#headFilled,
        );
        this.#headFilled += taken;
        at += taken;
        if (this.#headFilled < headBytes) return null;
        this.#headFilled = 0;
        const refusal = this.#beginFrame(nowMs);
        if (refusal !== null) return refusal;
      }
    }
    return null;
  }

  #beginFrame(nowMs: number): RefusalCode | null {
    const length = this.#head.readUIntBE(0, 3);
    const type = this.#head.readUInt8(3);
    const flags = this.#head.readUInt8(4);
    if (!this.#budget.take(type, flags, length, nowMs)) return 'too_many_frames';
    if (type !== frameTypes.headers && type !== frameTypes.continuation) {
      this.#toSkip = length;
      return null;
    }
    this.#blockBytes += length;
    if (this.#blockBytes > blockBytesMax) return 'headers_too_large';
    this.#frame = { type, flags, streamId: this.#head.readUInt32BE(5) & 0x7fff_ffff };
    if (this.#blockSince === 0) this.#blockSince = nowMs;
    this.#payloadLeft = length;
    if (length === 0) this.#endHeaders();
    return null;
  }

  #endHeaders(): void {
    const frame = this.#frame;
    const payload = this.#payload;
    const [first] = payload;
    this.#frame = null;
    this.#payload = [];
    if (frame === null) return;
    const whole = payload.length === 1 && first !== undefined ? first : Buffer.concat(payload);
    this.#block.push(fragmentOf(frame, whole));
    if ((frame.flags & frameFlags.endHeaders) === 0) return;
    const block = this.#block.length === 1 ? this.#block[0] : Buffer.concat(this.#block);
    this.#block = [];
    this.#blockBytes = 0;
    this.#blockSince = 0;
    // Lower ones are trailers, or nothing that nghttp2 takes.
    if (block === undefined || frame.streamId <= this.#lastStreamId) return;
    this.#lastStreamId = frame.streamId;
    this.#budget.open();
    this.#opened(frame.streamId, block);
  }
}

/** RFC 9113, section 6.2: without padding and priority. */
function fragmentOf({ type, flags }: Frame, payload: Uint8Array): Uint8Array {
  if (type !== frameTypes.headers) return payload;
  const padded = (flags & frameFlags.padded) !== 0;
  const from = (padded ? 1 : 0) + ((flags & frameFlags.priority) === 0 ? 0 : 5);
  const padding = padded ? (payload[0] ?? 0) : 0;
  return payload.subarray(from, Math.max(from, payload.length - padding));
}
