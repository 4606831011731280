import { Readable } from 'node:stream';
import type { BodySink, BodySource, ClientExchange } from '../client/exchange.ts';
import type { Progress } from '../exchange.ts';

/**
 * A request's body on its way to the upstream. undici destroys the body it is given when the
 * upstream answers early or fails; the client's own stream must survive that, because destroying it
 * would take the answer from the client.
 */
export class RequestBody extends Readable implements BodySink {
  readonly #source: BodySource;
  readonly #progress: Progress;
  #brokenOff = false;

  constructor(client: ClientExchange, progress: Progress) {
    super({ highWaterMark: 65_536 });
    this.#progress = progress;
    // undici listens only while it sends; an error after that is nobody's.
    this.on('error', ignore);
    this.#source = client.readBody(this);
  }

  /** The client took it back, and with it the request. */
  get brokenOff(): boolean {
    return this.#brokenOff;
  }

  /** Nothing of it has been handed on: it can be sent to another. */
  get untouched(): boolean {
    return !this.destroyed && !this.readableDidRead && !this.readableEnded;
  }

  override _read(): void {
    this.#progress.wantsBody = true;
    this.#source.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#progress.wantsBody = false;
    this.#source.discard();
    done(error);
  }

  onData(chunk: Buffer): void {
    this.#progress.bytesIn += chunk.length;
    if (this.push(chunk)) return;
    this.#progress.wantsBody = false;
    this.#source.pause();
  }

  onEnd(): void {
    this.#progress.wantsBody = false;
    this.push(null);
  }

  onError(error: Error): void {
    this.#brokenOff = true;
    this.destroy(error);
  }
}

function ignore(): void {
  // Whoever waits for the response hears of it there.
}
