import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import type { Socket } from 'node:net';
import { Http2UpstreamError, resetError } from './errors.ts';
import { Tap } from './tap.ts';

/** Streams at once on one connection, if the upstream has nothing against it. */
const streamsMax = 100;
/** A connection that nobody uses is closed after this. */
const idleMs = 8_000;

/** Bytes that all responses of a connection together may have on their way to us. */
const connectionWindowBytes = 1_048_576;

/** Limits of hardening.md section 3, seen from the other end. */
const sessionOptions = {
  settings: {
    enablePush: false,
    headerTableSize: 4_096,
    initialWindowSize: 262_144,
    maxHeaderListSize: 16_384,
  },
  maxHeaderListPairs: 256,
  maxOutstandingPings: 10,
  maxSettings: 32,
  maxSessionInvalidFrames: 100,
  maxReservedRemoteStreams: 0,
  peerMaxConcurrentStreams: streamsMax,
  // What a client said twice goes on as it does over HTTP/1.1.
  strictSingleValueFields: false,
};

export interface LinkEvents {
  /** The upstream has said how it wants to be spoken to: there may be room. */
  readonly ready: (link: Link) => void;
  /** A stream has ended. */
  readonly freed: () => void;
  readonly closed: (link: Link) => void;
}

/** One connection to an upstream that speaks HTTP/2, with many requests side by side. */
export class Link {
  readonly tap: Tap;
  readonly #session: ClientHttp2Session;
  readonly #events: LinkEvents;
  readonly #since = performance.now();
  #ready = false;
  #leaving = false;
  #open = 0;
  /** Streams above it were not looked at: the upstream goes away. */
  #lastServed = Number.POSITIVE_INFINITY;
  #idle: NodeJS.Timeout | null = null;

  constructor(origin: string, socket: Socket, events: LinkEvents) {
    this.#events = events;
    this.tap = new Tap(socket);
    this.#session = connect(origin, { ...sessionOptions, createConnection: () => this.tap });
    this.#session.on('error', ignore);
    this.#session.on('remoteSettings', this.#onSettings);
    this.#session.on('goaway', (_code, lastStreamId: number) => {
      this.#lastServed = Math.min(this.#lastServed, lastStreamId);
      this.leave();
    });
    this.#session.on('close', () => {
      this.#leaving = true;
      this.#clearIdle();
      this.tap.destroy();
      events.closed(this);
    });
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Whether one more request may go over it; one that has been open for too long takes none. */
  hasRoom(ageMsMax: number): boolean {
    const { closed, destroyed } = this.#session;
    if (!this.#ready || this.#leaving || closed || destroyed || this.tap.destroyed) return false;
    if (performance.now() - this.#since > ageMsMax) {
      this.leave();
      return false;
    }
    const { maxConcurrentStreams = streamsMax } = this.#session.remoteSettings;
    return this.#open < Math.min(streamsMax, maxConcurrentStreams);
  }

  /** Opens a stream. `signal` gives it up with the code for that. Throws where it cannot. */
  open(lines: string[], endStream: boolean, signal: AbortSignal): ClientHttp2Stream {
    const stream = this.#session.request(lines, { endStream, signal });
    this.#open += 1;
    this.#clearIdle();
    stream.once('close', () => {
      this.#open -= 1;
      this.#whenIdle();
      this.#events.freed();
    });
    if (stream.id !== undefined) this.tap.watch(stream.id);
    return stream;
  }

  /** What has become of a stream with its connection; null: that goes on, or goes away in order. */
  lossOf(streamId: number): Http2UpstreamError | null {
    if (streamId > this.#lastServed) return resetError(constants.NGHTTP2_REFUSED_STREAM);
    const lost = this.#session.destroyed || this.tap.destroyed;
    if (!lost && this.#lastServed === Number.POSITIVE_INFINITY) return null;
    return new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_LOST', 'the connection was lost');
  }

  get unused(): boolean {
    return this.#ready && this.#open === 0;
  }

  /** Takes no more requests; it closes once those under way have ended. */
  leave(): void {
    if (this.#leaving) return;
    this.#leaving = true;
    if (this.#open === 0) this.#session.close();
  }

  destroy(error: Error): void {
    this.#session.destroy(error);
    this.tap.destroy();
  }

  /** It has not said in time how it wants to be spoken to. */
  tooLate(): void {
    const late = new Http2UpstreamError('ERR_SALLYPORT_UPSTREAM_PROTOCOL', 'no settings in time');
    if (!this.#ready) this.destroy(late);
  }

  readonly #onSettings = (): void => {
    if (this.#ready) {
      this.#events.freed();
      return;
    }
    this.#ready = true;
    this.#session.setLocalWindowSize(connectionWindowBytes);
    this.#events.ready(this);
    this.#whenIdle();
  };

  /** Waits for somebody to use it, for a time. */
  #whenIdle(): void {
    if (this.#open > 0) return;
    if (this.#leaving) this.#session.close();
    else this.#idle ??= setTimeout(() => this.leave(), idleMs).unref();
  }

  #clearIdle(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
  }
}

function ignore(): void {
  // The session ends with `close`.
}
