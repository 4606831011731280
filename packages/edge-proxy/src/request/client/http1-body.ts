import type { IncomingMessage } from 'node:http';
import type { BodySink, BodySource } from './exchange.ts';

/** Bytes of a body nobody wants that are still read, so that the connection can go on. */
export const discardedBytesMax = 65_536;
const discardMs = 5_000;

/**
 * Reads what is left of a body that nobody wants, for a short time. The client gets to read the
 * answer that way: closing at once would reset the connection under it.
 */
export function discardBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  const timer = setTimeout(() => request.destroy(), discardMs);
  timer.unref();
  request.once('close', () => clearTimeout(timer));
  request.on('error', ignore);
  request.resume();
}

/** The body of a request, held back until somebody wants it. */
export class Http1Body implements BodySource {
  readonly #request: IncomingMessage;
  readonly #sink: BodySink;

  constructor(request: IncomingMessage, sink: BodySink) {
    this.#request = request;
    this.#sink = sink;
    request.pause();
    request.on('data', this.#onData);
    request.on('end', this.#onEnd);
    request.on('error', this.#onError);
    request.on('close', this.#onClose);
  }

  resume(): void {
    this.#request.resume();
  }

  pause(): void {
    this.#request.pause();
  }

  discard(): void {
    this.#request.off('data', this.#onData);
    this.#request.off('end', this.#onEnd);
    this.#request.off('close', this.#onClose);
    // The handler for errors stays: somebody must hear them.
    discardBody(this.#request);
  }

  readonly #onData = (chunk: Buffer): void => this.#sink.onData(chunk);

  readonly #onEnd = (): void => this.#sink.onEnd();

  readonly #onError = (error: Error): void => this.#sink.onError(error);

  readonly #onClose = (): void => {
    if (!this.#request.complete) {
      this.#sink.onError(new Error('the client closed the connection'));
    }
  };
}

function ignore(): void {
  // The client has gone; its exchange ends with the connection.
}
