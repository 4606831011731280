import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { buildConnector, Dispatcher } from 'undici';
import type { TargetConfig, UpstreamConfig } from '../../../../state/current.ts';
import type { Ask, Connections } from '../connections.ts';
import { Call } from './call.ts';
import { Http2UpstreamError } from './errors.ts';
import { Link } from './link.ts';

type Times = Pick<UpstreamConfig, 'timeouts' | 'connectionMaxAgeMs'>;

/**
 * Connections to one target that speaks HTTP/2. One is made at a time, and what waits for it fails
 * with it. Nothing is tried again here.
 */
export class Http2Connections implements Connections {
  readonly #target: TargetConfig;
  readonly #times: Times;
  readonly #connect: buildConnector.connector;
  readonly #links = new Set<Link>();
  #waiting: Call[] = [];
  #connecting = false;
  #closing = false;
  #destroyed = false;
  readonly #whenClosed: (() => void)[] = [];

  constructor(target: TargetConfig, times: Times, connect: buildConnector.connector) {
    this.#target = target;
    this.#times = times;
    this.#connect = connect;
  }

  get free(): number {
    let free = 0;
    for (const link of this.#links) if (link.hasRoom(this.#times.connectionMaxAgeMs)) free += 1;
    return free;
  }

  dispatch(ask: Ask, handler: Dispatcher.DispatchHandler): void {
    const { timeouts } = this.#times;
    const call = new Call(
      ask,
      {
        scheme: this.#target.protocol === 'https:' ? 'https' : 'http',
        headersMs: ask.call ? (timeouts.calls.headersMs ?? 0) : timeouts.headersMs,
        idleMs: ask.call ? (timeouts.calls.idleMs ?? 0) : timeouts.idleMs,
      },
      handler,
    );
    if (ask.reset) {
      this.#open((link) => {
        call.begin(link);
        link.leave();
      }, call.fail.bind(call));
      return;
    }
    this.#waiting.push(call);
    this.#next();
  }

  closeUnused(): void {
    for (const link of this.#links) if (link.unused) link.leave();
  }

  async close(): Promise<void> {
    this.#closing = true;
    const closed = new Promise<void>((resolve) => this.#whenClosed.push(resolve));
    this.#next();
    await closed;
  }

  async destroy(): Promise<void> {
    const gone = new Error('the connections have been closed');
    this.#destroyed = true;
    for (const call of this.#waiting.splice(0)) call.fail(gone);
    for (const link of this.#links) link.destroy(gone);
    await this.close();
  }

  /** Gives those that wait what room there is, and makes more where there is none. */
  readonly #next = (): void => {
    for (const link of this.#links) {
      while (this.#waiting.length > 0 && link.hasRoom(this.#times.connectionMaxAgeMs)) {
        this.#waiting.shift()?.begin(link);
      }
    }
    if (this.#waiting.length > 0) this.#grow();
    else if (this.#closing && (!this.#connecting || this.#destroyed)) this.#leaveAll();
  };

  #grow(): void {
    if (this.#connecting) return;
    this.#connecting = true;
    const settled = (): void => {
      this.#connecting = false;
    };
    this.#open(
      (link) => {
        settled();
        // One that lets nobody in would have us connect without end.
        if (!link.hasRoom(this.#times.connectionMaxAgeMs)) this.#failAll(noRoom());
        this.#next();
      },
      (error) => {
        settled();
        this.#failAll(error);
        this.#next();
      },
    );
  }

  #failAll(error: Error): void {
    for (const call of this.#waiting.splice(0)) call.fail(error);
  }

  #leaveAll(): void {
    for (const link of this.#links) link.leave();
    if (this.#links.size > 0) return;
    for (const resolve of this.#whenClosed.splice(0)) resolve();
  }

  #open(ready: (link: Link) => void, failed: (error: Error) => void): void {
    const { protocol, hostname, port, origin } = this.#target;
    const { connectMs } = this.#times.timeouts;
    const host = hostname.includes(':') ? `[${hostname}]` : hostname;
    this.#connect({ host, hostname, protocol, port: String(port) }, (error, socket) => {
      if (error !== null) {
        failed(error);
        return;
      }
      if (this.#destroyed) {
        socket.destroy();
        failed(new Error('the connections have been closed'));
        return;
      }
      if (!agreedOn(socket)) {
        socket.destroy();
        failed(new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_PROTOCOL', 'it speaks no HTTP/2'));
        return;
      }
      const link = new Link(origin, socket, {
        ready: (one) => {
          clearTimeout(timer);
          ready(one);
        },
        freed: this.#next,
        closed: (one) => {
          clearTimeout(timer);
          this.#links.delete(one);
          if (!one.ready) {
            failed(new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_PROTOCOL', 'no settings came'));
          }
          this.#next();
        },
      });
      const timer = setTimeout(() => link.tooLate(), connectMs).unref();
      this.#links.add(link);
    });
  }
}

/** By ALPN; without TLS the route alone says it (RFC 9113, section 3.3). */
function agreedOn(socket: Socket | TLSSocket): boolean {
  return !('alpnProtocol' in socket) || socket.alpnProtocol === 'h2';
}

function noRoom(): Http2UpstreamError {
  return new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_BUSY', 'it takes no requests');
}
