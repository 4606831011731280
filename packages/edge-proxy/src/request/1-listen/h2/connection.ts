import {
  constants,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { Http2Exchange } from '../../client/http2.ts';
import type { ClientConnection } from '../../exchange.ts';
import type { RefusalCode } from '../../words.ts';
import type { RequestEvents } from '../http1.ts';
import { connectionWindowBytes, http2Options } from './options.ts';
import { translate } from './raw-request.ts';
import { Witness } from './witness.ts';

/** Milliseconds. */
export const http2Limits = {
  /** From the handshake to the first request, and for the headers of any. */
  headers: 10_000,
  /** Without a request. */
  idle: 60_000,
  /** A connection is left after this, and up to a tenth more so that not all go at once. */
  age: 3_600_000,
  /** For a client to close what has been left and carries nothing any more. */
  farewell: 5_000,
} as const;

/** A connection that agreed on HTTP/2: many exchanges side by side. */
export class Http2Connection {
  readonly #client: ClientConnection;
  readonly #socket: TLSSocket;
  readonly #events: RequestEvents;
  readonly #witness: Witness;
  readonly #session: ServerHttp2Session;
  readonly #ageMax = http2Limits.age * (1 + Math.random() / 10);
  readonly #since = performance.now();
  /** When it last had a request under way, or began. */
  #busyAt = this.#since;
  #requests = 0;
  /** When it was told that no more requests are taken; 0: they are. */
  #leftAt = 0;

  constructor(client: ClientConnection, socket: TLSSocket, events: RequestEvents) {
    this.#client = client;
    this.#socket = socket;
    this.#events = events;
    this.#witness = new Witness(socket, (code) => this.#end(code));
    this.#session = performServerHandshake(this.#witness, http2Options);
    this.#session.on('error', ignore);
    this.#session.on('goaway', () => {
      this.#witness.leaving = true;
    });
    this.#session.on('stream', this.#onStream);
    this.#session.setLocalWindowSize(connectionWindowBytes);
    socket.once('close', this.#onClose);
  }

  /** Takes no more requests; those under way go on, and then it closes. */
  readonly leave = (): void => {
    if (this.#leftAt === 0) this.#leftAt = performance.now();
    this.#witness.leaving = true;
    this.#session.close();
  };

  /** Looks whether it has been idle, slow or open for too long. */
  sweep(nowMs: number): void {
    this.#unserved(this.#witness.overdue());
    const busy = this.#client.exchanges.size > 0;
    if (busy) this.#busyAt = nowMs;
    const { blockSince } = this.#witness;
    if (blockSince > 0 && nowMs - blockSince > http2Limits.headers) {
      this.#end('request_timeout');
    } else if (this.#leftAt > 0) {
      const idle = !busy || this.#session.destroyed;
      if (idle && nowMs - this.#leftAt > http2Limits.farewell) this.#socket.destroy();
    } else {
      const idleMax = this.#requests === 0 ? http2Limits.headers : http2Limits.idle;
      if (nowMs - this.#busyAt > idleMax || nowMs - this.#since > this.#ageMax) this.leave();
    }
  }

  readonly #onStream = (
    stream: ServerHttp2Stream,
    _headers: unknown,
    _flags: number,
    sent: string[],
  ): void => {
    this.#requests += 1;
    this.#busyAt = performance.now();
    const id = stream.id ?? 0;
    this.#unserved(this.#witness.passedOver(id));
    const whole = this.#witness.announced(id, sent.length / 2);
    const { raw, refusal } = translate(sent, stream.endAfterHeaders);
    const exchange = new Http2Exchange(stream, raw, this.leave);
    this.#events.received(this.#client, raw, exchange, whole ? refusal : 'header_invalid');
  };

  /** What is recorded of a connection once it has gone. */
  readonly #onClose = (): void => {
    const unserved = this.#witness.left();
    // What was asked for last is why it was broken off, and has a record of its own.
    const unexplained = this.#witness.brokenOff && unserved.length === 0;
    this.#unserved(unexplained ? ['malformed'] : unserved);
  };

  /** Records requests that were reset before anybody could look at them. */
  #unserved(codes: readonly RefusalCode[]): void {
    for (const code of codes) this.#events.unanswerable(this.#client, code);
  }

  #end(code: RefusalCode): void {
    this.#leftAt = performance.now();
    this.#witness.leaving = true;
    this.#events.unanswerable(this.#client, code);
    this.#session.destroy(new Error(code), constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }
}

function ignore(): void {
  // The session ends with its connection.
}
