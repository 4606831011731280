import type { TLSSocket } from 'node:tls';
import { fieldCount } from '../../field-count.ts';
import { SessionSocket } from '../../session-socket.ts';
import type { RefusalCode } from '../../words.ts';
import { FrameReader } from './frame-reader.ts';
import { SentFrames } from './sent-frames.ts';
import { flooded, type Trouble } from './trouble.ts';
import { Unannounced } from './unannounced.ts';

type Done = (error?: Error | null) => void;

/** Requests that are ignored, because the client was told that no more are taken. */
const ignoredMax = 1_000;
/**
 * GOAWAY with the highest stream that there can be (RFC 9113, section 6.8): no more are wanted, and
 * those that come meanwhile are taken. nghttp2 has it, but Node does not give it to us.
 */
export const shutdownNotice = Buffer.from('0000080700000000007fffffff00000000', 'hex');

/** What a connection hears of its witness. */
export interface WitnessEvents {
  /** Called once; the connection has to end, and nothing more of it is handed on. */
  end(trouble: Trouble): void;
  /** A request was reset before anybody could look at it. */
  unserved(code: RefusalCode): void;
}

/**
 * Stands between a connection and the session of HTTP/2 on it, and hands bytes on both ways as they
 * are. nghttp2 drops header fields that are not valid and serves the request without them, and
 * resets streams, without a word to us (hardening.md M12, M13): by what this has seen, such a
 * request is refused, and recorded.
 */
export class Witness extends SessionSocket {
  readonly #events: WitnessEvents;
  readonly #reader: FrameReader;
  readonly #sent: SentFrames;
  /** What was asked for, until the session says something of it. */
  readonly asked: Unannounced;
  #heardAt = performance.now();
  #ignored = 0;
  #spoken = false;
  #refused = false;
  #clientEnded = false;
  #brokenOff = false;
  #leaving = false;

  constructor(socket: TLSSocket, events: WitnessEvents) {
    super(socket);
    this.#events = events;
    this.asked = new Unannounced((code) => events.unserved(code));
    this.#reader = new FrameReader((streamId, block) => {
      if (this.#leaving) this.#ignored += 1;
      else this.asked.add(streamId, fieldCount(block));
    });
    this.#sent = new SentFrames({
      data: (bytes) => this.#reader.budget.sent(bytes),
      reset: (streamId, code) => {
        this.#reader.streams.reset(streamId);
        this.asked.reset(streamId, code);
      },
      goAway: (code) => {
        if (code !== 0 && !this.#leaving) this.#noteEnd();
      },
    });
    // What is written when the connection has gone fails; the session hears of the end by `close`.
    this.on('error', ignore);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.prependListener('end', () => {
      this.#clientEnded = true;
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

  /** When bytes of the client came last, as by performance.now(). */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** The session has ended the connection, and neither the client nor we wanted that. */
  get brokenOff(): boolean {
    return this.#brokenOff;
  }

  /** The session has begun to speak; before its settings nothing may be said. */
  get spoken(): boolean {
    return this.#spoken;
  }

  /**
   * No more requests are taken: those that come from here on are ignored, and the client may ask
   * again elsewhere. That is no failure of its own.
   */
  leave(): void {
    this.#leaving = true;
    this.asked.leave();
  }

  #take(chunk: Buffer): void {
    if (this.#refused) return;
    this.#heardAt = performance.now();
    const trouble = this.#reader.read(chunk, this.#heardAt);
    if (trouble !== null || this.#ignored > ignoredMax) {
      this.#refused = true;
      this.#events.end(trouble ?? flooded('headers'));
    } else if (!this.push(chunk)) {
      this.socket.pause();
    }
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: Done): void {
    this.#spoken = true;
    this.#sent.read(chunk);
    super._write(chunk, encoding, this.#written(done));
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    this.#spoken = true;
    for (const { chunk } of chunks) this.#sent.read(chunk);
    super._writev(chunks, this.#written(done));
  }

  /** What cannot be written has nobody left to read it. */
  #written(done: Done): Done {
    return (error) => {
      if (error !== undefined && error !== null) this.#clientEnded = true;
      done(error);
    };
  }

  override _final(done: Done): void {
    this.#noteEnd();
    super._final(done);
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#noteEnd();
    super._destroy(error, done);
  }

  #noteEnd(): void {
    if (!this.#clientEnded && !this.#leaving) this.#brokenOff = true;
  }
}

function ignore(): void {
  // It ends with `close`.
}
