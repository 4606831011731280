import { type ClientHttp2Stream, constants } from 'node:http2';
import { addAbortSignal, type Duplex } from 'node:stream';
import type { Http2Client, StreamCall } from './client-h2.ts';

/** What a client of gRPC sends with every call. */
const usual = ['content-type: application/grpc', 'te: trailers'];

/** A call of gRPC as it went on the wire. */
export class TestCall {
  readonly stream: ClientHttp2Stream;
  status = 0;
  headers: Record<string, string> = {};
  /** It came as headers alone. */
  whole = false;
  body = '';
  trailers: Record<string, string> | null = null;
  readonly #begun: Promise<void>;
  readonly #ended: Promise<void>;

  constructor(stream: ClientHttp2Stream) {
    this.stream = stream;
    stream.on('trailers', (_headers, _flags, lines: string[]) => {
      this.trailers = fieldsOf(lines);
    });
    stream.on('data', (chunk: Buffer) => {
      this.body += chunk.toString('latin1');
    });
    this.#begun = new Promise((resolve) => {
      stream.on('response', (_headers, flags, lines: string[]) => {
        this.headers = fieldsOf(lines);
        this.status = Number(this.headers[':status']);
        this.whole = (flags & constants.NGHTTP2_FLAG_END_STREAM) !== 0;
        resolve();
      });
      stream.on('close', () => resolve());
    });
    this.#ended = new Promise((resolve) => stream.on('close', () => resolve()));
  }

  /** Opens one; its messages are to come. */
  static open(client: Http2Client, path: string, more: StreamCall = {}): TestCall {
    const headers = [...usual, ...(more.headers ?? [])];
    return new TestCall(client.open({ method: 'POST', path, ...more, headers }));
  }

  /** Until its headers are there. */
  async begun(): Promise<this> {
    await this.#begun;
    return this;
  }

  async ended(): Promise<this> {
    await this.#ended;
    return this;
  }

  /** What gRPC calls the status, wherever it stood. */
  get grpcStatus(): string | undefined {
    return (this.trailers ?? (this.whole ? this.headers : {}))['grpc-status'];
  }

  get grpcMessage(): string {
    return (this.trailers ?? this.headers)['grpc-message'] ?? '';
  }

  cancel(): void {
    cancel(this.stream);
  }

  get rstCode(): number {
    return this.stream.rstCode ?? 0;
  }
}

/** Resets a stream with CANCEL and nothing before that: Node's `close` would first end it in order. */
export function cancel(stream: Duplex): void {
  addAbortSignal(AbortSignal.abort(), stream);
}

function fieldsOf(lines: readonly string[]): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < lines.length; at += 2) fields[lines[at] ?? ''] = lines[at + 1] ?? '';
  return fields;
}
