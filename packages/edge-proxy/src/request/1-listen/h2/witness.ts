import { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { RefusalCode } from '../../words.ts';
import { fieldCount } from './field-count.ts';
import { FrameReader } from './frame-reader.ts';
import { http2Options } from './options.ts';

type Done = (error?: Error | null) => void;

interface Unannounced {
  /** Header fields that were sent; null: nobody can tell. */
  readonly fields: number | null;
  /** It had been here when somebody last looked. */
  seen: boolean;
}

const none: readonly RefusalCode[] = [];

/**
 * Stands between a connection and the session of HTTP/2 on it, and hands bytes on both ways as they
 * are. nghttp2 drops header fields that are not valid and serves the request without them, and
 * resets streams, without a word to us (hardening.md M12, M13): by what this has seen, such a
 * request is refused, and recorded.
 */
export class Witness extends Duplex {
  readonly #socket: TLSSocket;
  readonly #refuse: (code: RefusalCode) => void;
  readonly #reader: FrameReader;
  readonly #unannounced = new Map<number, Unannounced>();
  #refused = false;
  #clientEnded = false;
  #brokenOff = false;
  /** No more requests are taken: those that come are no failure of the client's. */
  leaving = false;

  /** `refuse`: called once; the connection has to end, and nothing more of it is handed on. */
  constructor(socket: TLSSocket, refuse: (code: RefusalCode) => void) {
    super();
    this.#socket = socket;
    this.#refuse = refuse;
    this.#reader = new FrameReader((streamId, block) => {
      if (this.leaving) return;
      this.#unannounced.set(streamId, { fields: fieldCount(block), seen: false });
    });
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => {
      this.#clientEnded = true;
      this.push(null);
    });
    socket.on('close', () => {
      this.#clientEnded = true;
      this.destroy();
    });
    socket.pause();
  }

  /** When a header section began that has not ended yet, as by performance.now(); 0: none has. */
  get blockSince(): number {
    return this.#reader.blockSince;
  }

  /** The session has ended the connection, and neither the client nor we wanted that. */
  get brokenOff(): boolean {
    return this.#brokenOff;
  }

  /**
   * The session has announced the stream, in the order in which they were opened. false: it did not
   * announce all that was sent of it.
   */
  announced(streamId: number, fields: number): boolean {
    const sent = this.#unannounced.get(streamId);
    this.#unannounced.delete(streamId);
    return sent?.fields === fields;
  }

  /** Streams below this one that were opened and that the session said nothing of: why not. */
  passedOver(streamId: number): readonly RefusalCode[] {
    return this.#forget((id) => id < streamId);
  }

  /** The same of those that it had all the time for since this was last asked. */
  overdue(): readonly RefusalCode[] {
    const overdue = this.#forget((_id, { seen }) => seen);
    for (const sent of this.#unannounced.values()) sent.seen = true;
    return overdue;
  }

  /** The same of all: nothing more comes. */
  left(): readonly RefusalCode[] {
    return this.#forget(() => true);
  }

  #forget(which: (streamId: number, sent: Unannounced) => boolean): readonly RefusalCode[] {
    if (this.#unannounced.size === 0) return none;
    const forgotten: RefusalCode[] = [];
    for (const [streamId, sent] of this.#unannounced) {
      if (!which(streamId, sent)) continue;
      this.#unannounced.delete(streamId);
      const tooMany = (sent.fields ?? 0) > http2Options.maxHeaderListPairs;
      forgotten.push(tooMany ? 'headers_too_many' : 'malformed');
    }
    return forgotten;
  }

  #take(chunk: Buffer): void {
    if (this.#refused) return;
    const refusal = this.#reader.read(chunk, performance.now());
    if (refusal === null) {
      if (!this.push(chunk)) this.#socket.pause();
      return;
    }
    this.#refused = true;
    this.#refuse(refusal);
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#socket.write(chunk, done);
  }

  /** What belongs together leaves together. */
  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const last = chunks.length - 1;
    this.#socket.cork();
    for (const [at, { chunk }] of chunks.entries()) {
      this.#socket.write(chunk, at === last ? done : undefined);
    }
    this.#socket.uncork();
  }

  override _final(done: Done): void {
    this.#noteEnd();
    this.#socket.end(() => done());
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#noteEnd();
    this.#socket.destroy();
    done(error);
  }

  #noteEnd(): void {
    if (!this.#clientEnded && !this.leaving) this.#brokenOff = true;
  }
}
