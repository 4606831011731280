import { constants } from 'node:http2';
import { ClientStreams } from './client-streams.ts';
import { FrameBudget, frameFlags, frameTypes } from './frame-budget.ts';
import { HeaderBlocks } from './header-blocks.ts';
import { broken, flooded, type Trouble, tooLarge } from './trouble.ts';

/** The client's first words: RFC 9113, section 3.4. nghttp2 compares them. */
const prefaceBytes = 24;
const headBytes = 9;

/**
 * Reads the heads of a client's frames as they come, and puts header blocks together: RFC 9113,
 * section 4. Everything else it skips. What it reads is never used as the request.
 */
export class FrameReader {
  readonly budget = new FrameBudget();
  readonly streams = new ClientStreams();
  readonly #blocks: HeaderBlocks;
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #toSkip = prefaceBytes;
  /** DATA whose first byte says how much padding it has. */
  #padded: { readonly flags: number; readonly length: number } | null = null;

  /** `opened`: told of each stream that is opened, with the block of its headers. */
  constructor(opened: (streamId: number, block: Uint8Array) => void) {
    this.#blocks = new HeaderBlocks((streamId, block) => {
      // Late ones are trailers.
      if (this.streams.isLate(streamId)) return;
      this.streams.begun(streamId);
      this.budget.open();
      opened(streamId, block);
    });
  }

  /** When a header section began that has not ended yet; 0: none has. */
  get blockSince(): number {
    return this.#blocks.since;
  }

  /** Why the connection has to end; null: it may go on. `nowMs` only rises. */
  read(chunk: Buffer, nowMs: number): Trouble | null {
    let at = 0;
    while (at < chunk.length) {
      if (this.#toSkip > 0) {
        const skipped = Math.min(this.#toSkip, chunk.length - at);
        this.#toSkip -= skipped;
        at += skipped;
      } else if (this.#padded !== null) {
        const { flags, length } = this.#padded;
        this.#padded = null;
        const data = Math.max(0, length - 1 - (chunk[at] ?? 0));
        this.#toSkip = length;
        const flood = this.budget.take(frameTypes.data, flags, data, nowMs);
        if (flood !== null) return flooded(flood);
      } else if (this.#blocks.wanting) {
        at += this.#blocks.take(chunk, at);
      } else if (this.#headFilled === 0 && chunk.length - at >= headBytes) {
        const trouble = this.#beginFrame(chunk, at, nowMs);
        if (trouble !== null) return trouble;
        at += headBytes;
      } else {
        const wanted = headBytes - this.#headFilled;
        const taken = chunk.copy(this.#head, this.#headFilled, at, at + wanted);
        this.#headFilled += taken;
        at += taken;
        if (this.#headFilled < headBytes) return null;
        this.#headFilled = 0;
        const trouble = this.#beginFrame(this.#head, 0, nowMs);
        if (trouble !== null) return trouble;
      }
    }
    return null;
  }

  #beginFrame(bytes: Buffer, at: number, nowMs: number): Trouble | null {
    const length = bytes.readUIntBE(at, 3);
    const type = bytes.readUInt8(at + 3);
    const flags = bytes.readUInt8(at + 4);
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    const violation = this.#look(type, flags, streamId);
    if (violation !== null) return violation;
    if (type === frameTypes.data && (flags & frameFlags.padded) !== 0 && length > 0) {
      this.#padded = { flags, length };
      return null;
    }
    const flood = this.budget.take(type, flags, length, nowMs);
    if (flood !== null) return flooded(flood);
    if (type !== frameTypes.headers && type !== frameTypes.continuation) {
      this.#toSkip = length;
      return null;
    }
    return this.#blocks.begin({ type, flags, streamId }, length, nowMs) ? null : tooLarge;
  }

  /** Rules that nghttp2 does not hold clients to. */
  #look(type: number, flags: number, streamId: number): Trouble | null {
    const streams = this.streams;
    if (type === frameTypes.priority && streamId === 0) {
      return broken(constants.NGHTTP2_PROTOCOL_ERROR);
    }
    if (type === frameTypes.resetStream) streams.end(streamId);
    if (type !== frameTypes.headers && type !== frameTypes.data) return null;
    if (streams.isLate(streamId) && !streams.mayGoOn(streamId)) {
      return broken(constants.NGHTTP2_STREAM_CLOSED);
    }
    if ((flags & frameFlags.endStream) !== 0) streams.end(streamId);
    else if (type === frameTypes.headers) streams.open(streamId);
    return null;
  }
}
