import type { ServerHttp2Stream } from 'node:http2';
import type { BodySink, BodySource } from './exchange.ts';

/** The body of a request, held back until somebody wants it: its window opens as it is read. */
export class Http2Body implements BodySource {
  readonly #stream: ServerHttp2Stream;
  readonly #sink: BodySink;
  #over = false;

  constructor(stream: ServerHttp2Stream, sink: BodySink) {
    this.#stream = stream;
    this.#sink = sink;
    stream.pause();
    stream.on('data', this.#onData);
    stream.on('end', this.#onEnd);
    stream.on('close', this.#onClose);
  }

  resume(): void {
    // The end of an empty body is told at once, perhaps before anybody listened.
    if (this.#stream.readableEnded) queueMicrotask(this.#onEnd);
    else this.#stream.resume();
  }

  pause(): void {
    this.#stream.pause();
  }

  discard(): void {
    this.#over = true;
    this.#stream.off('data', this.#onData);
    this.#stream.off('end', this.#onEnd);
    this.#stream.off('close', this.#onClose);
    this.#stream.resume();
  }

  readonly #onData = (chunk: Buffer): void => this.#sink.onData(chunk);

  /** Also called where the client or the connection broke off: half a body is none. */
  readonly #onEnd = (): void => {
    if (this.#over) return;
    this.#over = true;
    if (endedByClient(this.#stream)) this.#sink.onEnd();
    else this.#sink.onError(new Error('the client broke off the body'));
  };

  readonly #onClose = (): void => {
    if (this.#over) return;
    this.#over = true;
    this.#sink.onError(new Error('the client closed the stream'));
  };
}

/** Whether the frame that ends a body has come. */
function endedByClient(stream: ServerHttp2Stream): boolean {
  return stream.rstCode === 0 && !stream.aborted && stream.state.remoteClose === 1;
}
