import type { Socket } from 'node:net';
import { fieldCount } from '../../../field-count.ts';
import { SessionSocket } from '../../../session-socket.ts';

/** RFC 9113, sections 4.1 and 6. */
const headBytes = 9;
const dataType = 0;
const headersType = 1;
const resetType = 3;
const continuationType = 9;
const endStreamFlag = 0x1;
const endHeadersFlag = 0x4;
const paddedFlag = 0x8;
const priorityFlag = 0x20;
/** Of one header section, as it travels. */
const blockBytesMax = 65_536;

interface Watched {
  /** All of the response has come. */
  ended: boolean;
  /** With this code the upstream gave it up; null: it did not. */
  reset: number | null;
  /** Header fields of its header sections that nobody has asked for yet; null: nobody can tell. */
  readonly sections: (number | null)[];
}

/**
 * Stands between a connection to an upstream and the session of HTTP/2 on it, and hands bytes on both
 * ways as they are. Node does not say whether a response has ended or was given up without an error,
 * and nghttp2 drops header fields that are not valid and hands on the rest: this has seen both.
 */
export class Tap extends SessionSocket {
  readonly #watched = new Map<number, Watched>();
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #toSkip = 0;
  #payload: Buffer[] = [];
  #payloadLeft = 0;
  /** Of the frame whose payload is being kept. */
  #type = 0;
  #flags = 0;
  /** Of the header section that has begun and not ended. */
  #streamId = 0;
  #block: Uint8Array[] = [];
  #blockBytes = 0;
  #ends = false;

  constructor(socket: Socket) {
    super(socket);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => this.destroy());
    socket.pause();
  }

  watch(streamId: number): void {
    this.#watched.set(streamId, { ended: false, reset: null, sections: [] });
  }

  forget(streamId: number): void {
    this.#watched.delete(streamId);
  }

  /** Whether the response on the stream has come to its own end. */
  ended(streamId: number): boolean {
    return this.#watched.get(streamId)?.ended ?? false;
  }

  /** The code with which the upstream gave the stream up; null: it did not. */
  resetOf(streamId: number): number | null {
    return this.#watched.get(streamId)?.reset ?? null;
  }

  /** Whether the next header section of the stream had so many fields. */
  had(streamId: number, fields: number): boolean {
    return this.#watched.get(streamId)?.sections.shift() === fields;
  }

  #take(chunk: Buffer): void {
    if (this.destroyed) return;
    if (!this.#read(chunk)) this.destroy(new Error('a header section without end'));
    else if (!this.push(chunk)) this.socket.pause();
  }

  /** false: it cannot go on. */
  #read(chunk: Buffer): boolean {
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
        if (this.#payloadLeft === 0) this.#endPayload();
      } else {
        const end = at + headBytes - this.#headFilled;
        const taken = chunk.copy(this.#head, this.#headFilled, at, end);
        this.#headFilled += taken;
        at += taken;
        if (this.#headFilled < headBytes) return true;
        this.#headFilled = 0;
        if (!this.#beginFrame()) return false;
      }
    }
    return true;
  }

  #beginFrame(): boolean {
    const length = this.#head.readUIntBE(0, 3);
    const type = this.#head.readUInt8(3);
    const flags = this.#head.readUInt8(4);
    const streamId = this.#head.readUInt32BE(5) & 0x7fff_ffff;
    const ends = (flags & endStreamFlag) !== 0;
    const isSection = type === headersType || type === continuationType;
    if (!isSection && type !== resetType) {
      this.#toSkip = length;
      const watched = this.#watched.get(streamId);
      if (type === dataType && ends && watched !== undefined) watched.ended = true;
      return true;
    }
    this.#blockBytes += length;
    if (this.#blockBytes > blockBytesMax) return false;
    this.#type = type;
    this.#flags = flags;
    if (type !== continuationType) {
      this.#streamId = streamId;
      this.#ends = ends;
    }
    this.#payloadLeft = length;
    if (length === 0) this.#endPayload();
    return true;
  }

  #endPayload(): void {
    const whole = Buffer.concat(this.#payload);
    this.#payload = [];
    if (this.#type === resetType) {
      this.#blockBytes = 0;
      const given = this.#watched.get(this.#streamId);
      if (given !== undefined && whole.length === 4) given.reset = whole.readUInt32BE(0);
      return;
    }
    this.#block.push(this.#type === headersType ? fragmentOf(this.#flags, whole) : whole);
    if ((this.#flags & endHeadersFlag) === 0) return;
    const block = Buffer.concat(this.#block);
    this.#block = [];
    this.#blockBytes = 0;
    const watched = this.#watched.get(this.#streamId);
    if (watched === undefined) return;
    watched.sections.push(fieldCount(block));
    if (this.#ends) watched.ended = true;
  }

  /** Nothing that is left to say would be of use to it. */
  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }
}

/** RFC 9113, section 6.2: without padding and priority. */
function fragmentOf(flags: number, payload: Uint8Array): Uint8Array {
  const padded = (flags & paddedFlag) !== 0;
  const from = (padded ? 1 : 0) + ((flags & priorityFlag) === 0 ? 0 : 5);
  const padding = padded ? (payload[0] ?? 0) : 0;
  return payload.subarray(from, Math.max(from, payload.length - padding));
}
