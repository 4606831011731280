import {
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { Http2Exchange } from '../../client/http2.ts';
import type { ClientConnection } from '../../exchange.ts';
import type { RefusalCode } from '../../words.ts';
import type { RequestEvents } from '../http1.ts';
import type { Http2Counts, SessionEnd } from './counts.ts';
import { http2Limits } from './limits.ts';
import { connectionWindowBytes, http2Options } from './options.ts';
import { translate } from './raw-request.ts';
import { Silence } from './silence.ts';
import { type Trouble, tooSlow } from './trouble.ts';
import { shutdownNotice, Witness } from './witness.ts';

/** A connection that agreed on HTTP/2: many exchanges side by side. */
export class Http2Connection {
  readonly #client: ClientConnection;
  readonly #socket: TLSSocket;
  readonly #events: RequestEvents;
  readonly #counts: Http2Counts;
  readonly #witness: Witness;
  readonly #session: ServerHttp2Session;
  readonly #ageMax = http2Limits.age * (1 + Math.random() / 10);
  readonly #since = performance.now();
  /** When it last had a request under way, or began. */
  #busyAt = this.#since;
  #requests = 0;
  /** When it was told that no more requests are taken; 0: they are. */
  #leftAt = 0;
  #endedBy: SessionEnd | null = null;
  #closing = false;
  readonly #silence = new Silence();
  readonly #whenQuiet: (() => void)[] = [];

  constructor(
    client: ClientConnection,
    socket: TLSSocket,
    events: RequestEvents,
    counts: Http2Counts,
  ) {
    this.#client = client;
    this.#socket = socket;
    this.#events = events;
    this.#counts = counts;
    this.#witness = new Witness(socket, {
      end: (trouble) => this.#end(trouble),
      unserved: (code) => events.unanswerable(client, code),
    });
    this.#session = performServerHandshake(this.#witness, http2Options);
    this.#session.on('error', ignore);
    this.#session.on('goaway', () => this.#witness.leave());
    this.#session.on('stream', this.#onStream);
    this.#session.setLocalWindowSize(connectionWindowBytes);
    socket.once('close', this.#onClose);
  }

  /** Requests under way. */
  get streams(): number {
    return this.#client.exchanges.size;
  }

  /**
   * Takes no more requests; those under way go on, and then it closes. A client is told so twice
   * (RFC 9113, section 6.8): what it had asked before it heard of the first is still served.
   */
  leave(why: SessionEnd): void {
    if (this.#leftAt > 0) return;
    this.#leftAt = performance.now();
    this.#endedBy ??= why;
    if (this.#session.destroyed) return;
    if (!this.#witness.spoken) {
      this.#close();
      return;
    }
    // Its answer comes behind all that was asked before. Behind the notice, some clients take it amiss.
    this.#session.ping(this.#close);
    setImmediate(() => this.#witness.write(shutdownNotice));
  }

  /** Resolves when it brings no more requests: it has been left, or has gone. */
  async quiet(): Promise<void> {
    if (this.#closing || this.#socket.destroyed) return;
    await new Promise<void>((resolve) => this.#whenQuiet.push(resolve));
  }

  /** Looks whether it has been idle, slow or open for too long. */
  sweep(nowMs: number): void {
    this.#unserved(this.#witness.asked.overdue());
    const busy = this.#client.exchanges.size > 0;
    if (busy) this.#busyAt = nowMs;
    else this.#silence.end();
    if (busy && !this.#silence.look(this.#session, this.#witness.heardAt)) {
      this.#socket.destroy();
      return;
    }
    const { blockSince } = this.#witness;
    if (blockSince > 0 && nowMs - blockSince > http2Limits.headers) {
      this.#end(tooSlow);
    } else if (this.#leftAt > 0) {
      this.#sweepLeft(busy, nowMs - this.#leftAt);
    } else {
      const idleMax = this.#requests === 0 ? http2Limits.headers : http2Limits.idle;
      if (nowMs - this.#busyAt > idleMax) this.leave('idle');
      else if (nowMs - this.#since > this.#ageMax) this.leave('age');
    }
  }

  #sweepLeft(busy: boolean, leftForMs: number): void {
    if (leftForMs > http2Limits.notice) this.#close();
    const idle = !busy || this.#session.destroyed;
    if (idle && leftForMs > http2Limits.farewell) this.#socket.destroy();
    else if (this.#endedBy === 'switched_off' && leftForMs > http2Limits.switchedOff) this.#cut();
  }

  #cut(): void {
    for (const { progress } of this.#client.exchanges) progress.ending ??= 'drained';
    this.#socket.destroy();
  }

  readonly #close = (): void => {
    if (this.#closing || this.#session.destroyed) return;
    this.#closing = true;
    this.#witness.leave();
    this.#session.close();
    this.#beQuiet();
  };

  #beQuiet(): void {
    for (const resolve of this.#whenQuiet.splice(0)) resolve();
  }

  readonly #leaveRefused = (): void => this.leave('refused');

  readonly #onStream = (
    stream: ServerHttp2Stream,
    _headers: unknown,
    _flags: number,
    sent: string[],
  ): void => {
    this.#requests += 1;
    this.#busyAt = performance.now();
    const whole = this.#witness.asked.announced(stream.id ?? 0, sent.length / 2);
    const { raw, refusal } = translate(sent, stream.endAfterHeaders);
    const exchange = new Http2Exchange(stream, raw, this.#leaveRefused);
    this.#events.received(this.#client, raw, exchange, whole ? refusal : 'header_invalid');
  };

  /** What is recorded of a connection once it has gone. */
  readonly #onClose = (): void => {
    this.#beQuiet();
    const { brokenOff } = this.#witness;
    const unserved = this.#witness.asked.left();
    // What was asked for last is why it was broken off, and has a record of its own.
    this.#unserved(brokenOff && unserved.length === 0 ? ['malformed'] : unserved);
    this.#counts.ended(this.#endedBy ?? (brokenOff ? 'broken' : 'client'));
  };

  /** Records requests that were reset before anybody could look at them. */
  #unserved(codes: readonly RefusalCode[]): void {
    for (const code of codes) this.#events.unanswerable(this.#client, code);
  }

  #end(trouble: Trouble): void {
    const { code, goAway, flood } = trouble;
    this.#leftAt = performance.now();
    if (flood !== null) this.#counts.flooded(flood);
    const why = trouble === tooSlow ? 'slow' : 'broken';
    this.#endedBy = flood === null ? why : 'flood';
    this.#witness.leave();
    this.#events.unanswerable(this.#client, code);
    this.#session.destroy(new Error(code), goAway);
  }
}

function ignore(): void {
  // The session ends with its connection.
}
