import { type ClientHttp2Stream, constants } from 'node:http2';
import type { Dispatcher } from 'undici';
import type { Ask, ResponseControl } from '../connections.ts';
import { Http2UpstreamError, resetError } from './errors.ts';
import { fieldsOf, requestLines, sectionBytes } from './lines.ts';
import type { Link } from './link.ts';

/** Of the headers of a response, as over HTTP/1.1. */
const headerBytesMax = 16_384;

export interface CallTimes {
  readonly scheme: 'http' | 'https';
  /**
   * From the end of the request to the headers of the response, and while the upstream takes nothing
   * of it; 0: without end.
   */
  readonly headersMs: number;
  /** Between two pieces of the response; 0: without end. */
  readonly idleMs: number;
}

/** One request on a stream of its own. It tells its handler what comes, in the way of undici. */
export class Call implements ResponseControl {
  readonly #ask: Ask;
  readonly #times: CallTimes;
  readonly #handler: Dispatcher.DispatchHandler;
  /** Undici's type asks for more than anybody uses. */
  readonly #control = this as unknown as Dispatcher.DispatchController;
  readonly #giveUp = new AbortController();
  #link: Link | null = null;
  #stream: ClientHttp2Stream | null = null;
  #streamId = 0;
  #timer: NodeJS.Timeout | null = null;
  #answered = false;
  #bodySent = false;
  #trailers: readonly string[] = [];
  #over = false;
  whole = false;

  constructor(ask: Ask, times: CallTimes, handler: Dispatcher.DispatchHandler) {
    this.#ask = ask;
    this.#times = times;
    this.#handler = handler;
  }

  begin(link: Link): void {
    const { body } = this.#ask;
    try {
      this.#handler.onRequestStart?.(this.#control, {});
      const lines = requestLines(this.#ask, this.#times.scheme);
      this.#link = link;
      this.#stream = link.open(lines, body === null, this.#giveUp.signal);
    } catch (error) {
      this.fail(asError(error));
      return;
    }
    const stream = this.#stream;
    this.#streamId = stream.id ?? 0;
    stream.on('headers', (_headers, _flags, lines: string[]) => this.#onInterim(lines));
    stream.on('response', (_headers, flags: number, lines: string[]) =>
      this.#onResponse(flags, lines),
    );
    stream.on('trailers', (_headers, _flags, lines: string[]) => this.#onTrailers(lines));
    stream.on('end', () => this.#onEnd());
    stream.on('error', ignore);
    stream.on('close', () => this.#onClose());
    if (body === null) this.#onSent();
    else this.#sendBody(stream, body);
  }

  abort(reason: Error): void {
    this.fail(reason);
  }

  pause(): void {
    this.#stream?.pause();
    this.#stopTimer();
  }

  resume(): void {
    this.#stream?.resume();
    if (this.#answered) this.#wait(this.#times.idleMs);
  }

  /** It gets no (whole) response. */
  fail(error: Error): void {
    if (this.#finish()) this.#handler.onResponseError?.(this.#control, error);
  }

  #onInterim(lines: string[]): void {
    if (this.#over) return;
    if (!this.#isSound(lines)) return;
    this.#tell(() => this.#handler.onResponseStart?.(this.#control, statusOf(lines), {}));
  }

  #onResponse(flags: number, lines: string[]): void {
    if (this.#over || !this.#isSound(lines)) return;
    this.#answered = true;
    this.whole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
    this.#wait(this.#times.idleMs);
    this.#tell(() =>
      this.#handler.onResponseStart?.(this.#control, statusOf(lines), fieldsOf(lines) as never),
    );
    // Not before: Node hands data on sooner than the headers in front of it.
    this.#stream?.on('data', (chunk: Buffer) => this.#onData(chunk));
  }

  #onData(chunk: Buffer): void {
    if (this.#over) return;
    this.#timer?.refresh();
    this.#tell(() => this.#handler.onResponseData?.(this.#control, chunk));
  }

  #onTrailers(lines: string[]): void {
    if (!this.#over && this.#isSound(lines)) this.#trailers = lines;
  }

  /** Also told where the upstream or the connection broke off: half a response is none. */
  #onEnd(): void {
    const whole = this.#answered && this.#link?.tap.ended(this.#streamId) === true;
    if (!whole || this.#stream?.rstCode !== 0 || !this.#finish()) return;
    try {
      this.#handler.onResponseEnd?.(this.#control, fieldsOf(this.#trailers) as never);
    } catch (error) {
      this.#handler.onResponseError?.(this.#control, asError(error));
    }
  }

  #onClose(): void {
    const given = this.#link?.tap.resetOf(this.#streamId) ?? null;
    const loss = this.#link?.lossOf(this.#streamId) ?? null;
    if (loss !== null) this.fail(loss);
    else this.fail(given === null ? unusable('the response is not valid') : resetError(given));
  }

  /** What nghttp2 has dropped a field of is not what was sent, and headers have a bound. */
  #isSound(lines: readonly string[]): boolean {
    const all = this.#link?.tap.had(this.#streamId, lines.length / 2) === true;
    if (all && sectionBytes(lines) <= headerBytesMax) return true;
    this.fail(
      unusable(all ? 'the headers of the response are too large' : 'a header field is not valid'),
    );
    return false;
  }

  #sendBody(stream: ClientHttp2Stream, body: NonNullable<Ask['body']>): void {
    body.on('data', this.#onBody);
    body.on('end', this.#onBodyEnd);
    body.on('error', this.#onBodyError);
    stream.on('drain', () => {
      if (this.#over) return;
      if (!this.#answered) this.#stopTimer();
      body.resume();
    });
    body.resume();
  }

  readonly #onBody = (chunk: Buffer): void => {
    if (this.#stream?.write(chunk) !== false) return;
    this.#ask.body?.pause();
    // One that takes no more of the request keeps it waiting as one that does not answer.
    if (!this.#answered) this.#wait(this.#times.headersMs);
  };

  readonly #onBodyEnd = (): void => {
    this.#stream?.end();
    this.#onSent();
  };

  readonly #onBodyError = (error: Error): void => this.fail(error);

  #onSent(): void {
    this.#bodySent = true;
    if (!this.#answered) this.#wait(this.#times.headersMs);
  }

  #wait(milliseconds: number): void {
    this.#stopTimer();
    if (milliseconds === 0 || this.#over) return;
    const late = () =>
      this.fail(new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_TIMEOUT', 'nothing came in time'));
    this.#timer = setTimeout(late, milliseconds).unref();
  }

  #stopTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** What the handler throws costs this request alone. */
  #tell(what: () => void): void {
    try {
      what();
    } catch (error) {
      this.fail(asError(error));
    }
  }

  /** true: it was not over yet. The upstream is told where it still sends or waits for something. */
  #finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#stopTimer();
    const { body } = this.#ask;
    body?.off('data', this.#onBody);
    body?.off('end', this.#onBodyEnd);
    body?.off('error', this.#onBodyError);
    body?.pause();
    const ended = this.#link?.tap.ended(this.#streamId) === true;
    // By an error: `close` could end the stream as if all had been sent.
    if (!ended || !this.#bodySent) this.#giveUp.abort();
    this.#link?.tap.forget(this.#streamId);
    return true;
  }
}

function statusOf(lines: readonly string[]): number {
  return Number(lines[lines.indexOf(':status') + 1]);
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error('a handler failed');
}

function unusable(why: string): Http2UpstreamError {
  return new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_RESPONSE', why);
}

function ignore(): void {
  // The stream ends with `close`.
}
