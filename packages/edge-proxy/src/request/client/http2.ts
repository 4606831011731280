import { constants, type ServerHttp2Stream } from 'node:http2';
import { addAbortSignal } from 'node:stream';
import type { BodySink, BodySource, ClientExchange, ClientTunnel, RawRequest } from './exchange.ts';
import { Http2Body } from './http2-body.ts';

const misdirected = 421;

/**
 * One stream of a connection; other exchanges run beside it. It may be quiet for as long as its route
 * lets it: that anybody is there is asked of the connection.
 */
export class Http2Exchange implements ClientExchange {
  tunnelled = false;
  readonly #stream: ServerHttp2Stream;
  readonly #raw: RawRequest;
  readonly #leave: () => void;
  #last = false;
  /** The response may end with trailers. */
  #trails = false;
  #onClose: (() => void) | null = null;

  /** `leave`: takes no more requests on the connection; those under way go on. */
  constructor(stream: ServerHttp2Stream, raw: RawRequest, leave: () => void) {
    this.#stream = stream;
    this.#raw = raw;
    this.#leave = leave;
    stream.on('error', ignore);
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get gone(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  get finished(): boolean {
    const { headersSent, closed, aborted, rstCode, writableEnded, writableFinished } = this.#stream;
    // A stream that is closed without an error has sent all, and says so itself only later.
    const sent = closed ? writableEnded : writableFinished;
    return headersSent && sent && !aborted && rstCode === constants.NGHTTP2_NO_ERROR;
  }

  get unsentBytes(): number {
    return this.#stream.writableLength;
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
    this.#stream.once('close', listener);
    // A client may take a request back before anybody has seen it.
    if (this.#stream.destroyed) setImmediate(listener);
  }

  answer(status: number, lines: string[], body: Buffer | null): void {
    if (this.gone) return;
    if (this.#agrees(status)) {
      this.breakOff();
      return;
    }
    const empty = body === null || body.length === 0;
    this.#stream.respond(responseLines(status, lines), { endStream: empty });
    if (!empty) this.#stream.end(body);
    this.#letGoOfBody();
    // The same request belongs on another connection; this one is as good as before. Some clients
    // take nothing any more once they are told, so the answer is whole before.
    if (this.#last && status !== misdirected) this.#stream.once('close', this.#leave);
  }

  head(status: number, lines: string[], follows: 'nothing' | 'body' | 'trailers'): void {
    if (this.gone) return;
    if (status > 599 || this.#agrees(status)) throw new StatusError(status);
    this.#trails = follows === 'trailers';
    this.#stream.respond(responseLines(status, lines), {
      endStream: follows === 'nothing',
      waitForTrailers: this.#trails,
    });
    if (this.#last) this.#leave();
  }

  write(chunk: Buffer): boolean {
    // Some statuses have no body, whatever an upstream sends with them.
    return this.#stream.writable ? this.#stream.write(chunk) : true;
  }

  onDrain(listener: () => void): void {
    this.#stream.once('drain', listener);
  }

  end(trailers: readonly string[]): void {
    const stream = this.#stream;
    if (!this.#trails) {
      stream.end();
      this.#letGoOfBody();
      return;
    }
    stream.once('wantTrailers', () => {
      if (this.gone) return;
      try {
        // Without any, an empty frame of the body says that this was all.
        stream.sendTrailers(fieldsOf(trailers));
        this.#letGoOfBody();
      } catch {
        this.breakOff();
      }
    });
    stream.end();
  }

  /** By an error: `close` could end the stream as if all had been sent. */
  breakOff(why?: 'cancelled'): void {
    // The error of a signal is the one that Node says CANCEL for.
    if (why === 'cancelled') addAbortSignal(AbortSignal.abort(), this.#stream);
    else this.#stream.destroy(new Error('broken off'));
  }

  beLast(): void {
    this.#last = true;
    if (this.#stream.headersSent) this.#leave();
  }

  askForBody(): void {
    if (!this.gone && !this.headersSent) this.#stream.additionalHeaders({ ':status': 100 });
  }

  readBody(sink: BodySink): BodySource {
    return new Http2Body(this.#stream, sink);
  }

  /** RFC 8441, section 5: the stream itself agrees, by its status. */
  tunnel(lines: readonly string[]): ClientTunnel {
    const stream = this.#stream;
    this.tunnelled = true;
    if (this.#onClose !== null) stream.off('close', this.#onClose);
    if (!this.gone) stream.respond(responseLines(200, lines, true));
    return stream;
  }

  /** Where a WebSocket was asked for, any such status would open it (RFC 8441, section 5). */
  #agrees(status: number): boolean {
    return this.#raw.upgrading && status < 300;
  }

  /** Once all is said, a client need not go on sending what nobody reads: RFC 9113, section 8.1. */
  #letGoOfBody(): void {
    if (this.#raw.hasBody !== true && !this.#raw.upgrading) return;
    const stream = this.#stream;
    const close = (): void => {
      setImmediate(() => stream.close(constants.NGHTTP2_NO_ERROR));
    };
    if (stream.writableFinished) close();
    else stream.once('finish', close);
  }
}

/** As Node says it of HTTP/1.1: the upstream is to blame. */
class StatusError extends RangeError {
  readonly code = 'ERR_HTTP_INVALID_STATUS_CODE';

  constructor(status: number) {
    super(`status ${status}`);
  }
}

/** Only between neighbours of HTTP/1.1, or said by the stream itself. */
const leftOut: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'sec-websocket-accept',
  'transfer-encoding',
  'upgrade',
]);

/** Where there is no content, a client resets what says that there is some (RFC 9110, section 8.6). */
const withoutContent: ReadonlySet<number> = new Set([204, 205]);

function responseLines(
  status: number,
  lines: readonly string[],
  empty: boolean = withoutContent.has(status),
): string[] {
  const response = [':status', String(status)];
  for (let at = 0; at < lines.length; at += 2) {
    const name = (lines[at] ?? '').toLowerCase();
    if (leftOut.has(name) || (empty && name === 'content-length')) continue;
    response.push(name, withoutSpaces(lines[at + 1] ?? ''));
  }
  return response;
}

/** Between lines they mean nothing; around a field they would make it invalid: RFC 9113, section 8.2.1. */
function withoutSpaces(value: string): string {
  return /^[\t ]|[\t ]$/.test(value) ? value.replace(/^[\t ]+|[\t ]+$/g, '') : value;
}

/** What stands there more than once as a list. */
function fieldsOf(lines: readonly string[]): Record<string, string[]> {
  const fields: Record<string, string[]> = Object.create(null) as Record<string, string[]>;
  for (let at = 0; at < lines.length; at += 2) {
    (fields[(lines[at] ?? '').toLowerCase()] ??= []).push(lines[at + 1] ?? '');
  }
  return fields;
}

function ignore(): void {
  // The stream ends with `close`.
}
