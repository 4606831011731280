import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { discardBody } from '../discard.ts';
import type { Progress } from '../exchange.ts';

/**
 * A request's body on its way to the upstream. undici destroys the body it is given when the
 * upstream answers early or fails; the client's own stream must survive that, because destroying it
 * would close the connection before the client has its answer.
 */
export class RequestBody extends Readable {
  readonly #request: IncomingMessage;
  readonly #progress: Progress;

  constructor(request: IncomingMessage, progress: Progress) {
    super({ highWaterMark: 65_536 });
    this.#request = request;
    this.#progress = progress;
    // undici listens only while it sends; an error after that is nobody's.
    this.on('error', ignore);
    request.pause();
    request.on('data', this.#onData);
    request.on('end', this.#onEnd);
    request.on('error', this.#onError);
    request.on('close', this.#onClose);
  }

  override _read(): void {
    this.#request.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
    this.#request.off('close', this.#onClose);
    // The handler for errors stays: somebody must hear them.
    discardBody(this.#request);
    done(error);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#progress.bytesIn += chunk.length;
    if (!this.push(chunk)) this.#request.pause();
  };

  readonly #onEnd = (): void => {
    this.push(null);
  };

  readonly #onError = (error: Error): void => {
    this.destroy(error);
  };

  readonly #onClose = (): void => {
    if (!this.#request.complete) this.destroy(new Error('the client closed the connection'));
  };
}

function ignore(): void {
  // Whoever waits for the response hears of it there.
}
