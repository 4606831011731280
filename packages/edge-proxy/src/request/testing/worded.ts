import type { TLSSocket } from 'node:tls';
import { SessionSocket } from '../session-socket.ts';
import { block, endHeaders, endStream, type Field, frame, types } from './frames.ts';

type Done = (error?: Error | null) => void;

const prefaceBytes = 24;
const headBytes = 9;
/** Without another word of the server: RFC 9113, section 4.2. */
const payloadMax = 16_384;

/**
 * Stands under a session of Node's client of HTTP/2, which flows, ends and reads responses as it
 * should, but words no request that it holds for wrong: in the place of its header sections go those
 * of the test, as they are.
 */
export class WordedSocket extends SessionSocket {
  /** Of requests whose frames the session has yet to write, in their order. */
  readonly #asked: (readonly Field[])[] = [];
  readonly #begun = new Set<number>();
  #unsent: Buffer = Buffer.alloc(0);
  #prefaceLeft = prefaceBytes;

  constructor(socket: TLSSocket) {
    super(socket);
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('close', () => this.destroy());
    socket.pause();
  }

  /** To be called with each request that the session is asked for. */
  ask(fields: readonly Field[]): void {
    this.#asked.push(fields);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#unsent = Buffer.concat([this.#unsent, chunk]);
    const pieces = [this.#take(Math.min(this.#prefaceLeft, this.#unsent.length))];
    this.#prefaceLeft -= pieces[0]?.length ?? 0;
    while (this.#unsent.length >= headBytes) {
      const end = headBytes + this.#unsent.readUIntBE(0, 3);
      if (this.#unsent.length < end) break;
      pieces.push(this.#worded(this.#take(end)));
    }
    if (this.socket.writable) this.socket.write(Buffer.concat(pieces), done);
    else done();
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done);
  }

  #take(length: number): Buffer {
    const taken = this.#unsent.subarray(0, length);
    this.#unsent = this.#unsent.subarray(length);
    return taken;
  }

  #worded(whole: Buffer): Buffer {
    const streamId = whole.readUInt32BE(5);
    if (whole.readUInt8(3) !== types.headers || this.#begun.has(streamId)) return whole;
    this.#begun.add(streamId);
    return headerFrames(streamId, whole.readUInt8(4) & endStream, this.#asked.shift() ?? []);
  }
}

/** A header section in as many frames as it takes. */
function headerFrames(streamId: number, flags: number, fields: readonly Field[]): Buffer {
  const bytes = block(fields);
  const frames: Buffer[] = [];
  for (let at = 0; at === 0 || at < bytes.length; at += payloadMax) {
    const last = at + payloadMax >= bytes.length ? endHeaders : 0;
    const piece = bytes.subarray(at, at + payloadMax);
    const first = at === 0;
    const type = first ? types.headers : types.continuation;
    frames.push(frame(type, (first ? flags : 0) | last, streamId, piece));
  }
  return Buffer.concat(frames);
}
