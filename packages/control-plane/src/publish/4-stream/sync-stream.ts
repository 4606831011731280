import type { SyncRequest } from '@sallyport/proto';
import type { Log } from '@sallyport/shared/log';
import { type Lane, lanes } from '@sallyport/shared/state/model';
import type { Monotonic } from '../1-log/follow.ts';
import type { Encoded } from '../3-frames/encode.ts';
import type { EdgeTracker } from '../edge-tracker.ts';
import { LaneCursor } from './cursor.ts';
import { readHello } from './hello.ts';
import type { LaneSource } from './lane-source.ts';

/** Why this side ends a stream. */
export type StreamEnd =
  | { readonly kind: 'draining' }
  | { readonly kind: 'stalled' }
  | { readonly kind: 'barred' }
  | { readonly kind: 'certificate_expired' }
  | { readonly kind: 'protocol'; readonly detail: string };

/** The transport under a stream. */
export interface Pipe {
  /** False: stop until `drained`. */
  write(bytes: Encoded): boolean;
  end(reason: StreamEnd): void;
}

export interface StreamPeer {
  readonly edgeId: string;
  /** The stream does not outlive the certificate that opened it. */
  readonly certificateNotAfterMs: number;
}

/** What streams share, and what happens when one is over. */
export interface StreamParts {
  readonly sources: ReadonlyMap<Lane, LaneSource>;
  readonly tracker: EdgeTracker;
  readonly monotonic: Monotonic;
  readonly log: Log;
  /** A stream that takes nothing for so long is closed, milliseconds. */
  readonly stallMs: number;
  readonly onClosed: () => void;
}

const helloMs = 10_000;

/**
 * One Sync stream: frames of its lanes down, acknowledgements up. The lane `revoke` goes before
 * everything else, heartbeats before the other lanes.
 */
export class SyncStream {
  readonly peer: StreamPeer;
  readonly #pipe: Pipe;
  readonly #sources: ReadonlyMap<Lane, LaneSource>;
  readonly #tracker: EdgeTracker;
  readonly #monotonic: Monotonic;
  readonly #log: Log;
  readonly #stallMs: number;
  readonly #onClosed: () => void;
  readonly #openedAtMs: number;
  /** In the order in which they are served. */
  #cursors: readonly LaneCursor[] = [];
  #greeted = false;
  #heartbeat: Encoded | null = null;
  #blockedAtMs: number | null = null;
  #pumping = false;
  #ended = false;

  constructor(peer: StreamPeer, pipe: Pipe, parts: StreamParts) {
    this.peer = peer;
    this.#pipe = pipe;
    this.#sources = parts.sources;
    this.#tracker = parts.tracker;
    this.#monotonic = parts.monotonic;
    this.#log = parts.log.with({ edge: peer.edgeId });
    this.#stallMs = parts.stallMs;
    this.#onClosed = parts.onClosed;
    this.#openedAtMs = parts.monotonic();
  }

  receive(request: SyncRequest): void {
    if (this.#ended) return;
    const { message } = request;
    if (message.case === 'hello' && !this.#greeted) this.#greet(message.value);
    else if (message.case === 'ack' && this.#greeted) {
      this.#tracker.ack(this.peer.edgeId, message.value);
    } else if (message.case === 'nack' && this.#greeted) {
      this.#tracker.nack(this.peer.edgeId, message.value);
    } else this.end({ kind: 'protocol', detail: 'a Hello comes first and once' });
  }

  /** There may be more to send. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#ended && this.#blockedAtMs === null) {
      const bytes = this.#next();
      if (bytes === null) break;
      if (!this.#pipe.write(bytes)) this.#blockedAtMs = this.#monotonic();
    }
    this.#pumping = false;
  }

  drained(): void {
    this.#blockedAtMs = null;
    this.pump();
  }

  /** Once a second: what time alone decides. A heartbeat not yet sent is replaced. */
  tick(heartbeat: Encoded, wallMs: number): void {
    if (this.#ended) return;
    const nowMs = this.#monotonic();
    if (wallMs >= this.peer.certificateNotAfterMs) this.end({ kind: 'certificate_expired' });
    else if (this.#blockedAtMs !== null && nowMs - this.#blockedAtMs >= this.#stallMs) {
      this.end({ kind: 'stalled' });
    } else if (!this.#greeted && nowMs - this.#openedAtMs >= helloMs) {
      this.end({ kind: 'protocol', detail: 'no Hello came in time' });
    } else if (this.#greeted) {
      this.#heartbeat = heartbeat;
      this.pump();
    }
  }

  end(reason: StreamEnd): void {
    if (this.#ended) return;
    this.#log.info('publish.stream_ended', { reason });
    this.closed();
    this.#pipe.end(reason);
  }

  /** The transport is gone. */
  closed(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#onClosed();
    if (this.#greeted) {
      this.#tracker.close(
        this.peer.edgeId,
        this.#cursors.map((cursor) => cursor.lane),
      );
    }
  }

  #greet(hello: Parameters<typeof readHello>[0]): void {
    const greeting = readHello(hello);
    if ('problem' in greeting) return this.end({ kind: 'protocol', detail: greeting.problem });
    this.#greeted = true;
    const pump = (): void => this.pump();
    this.#cursors = lanes.flatMap((lane) => {
      const have = greeting.have.get(lane);
      const source = this.#sources.get(lane);
      if (have === undefined || source === undefined) return [];
      return [new LaneCursor(source, have, pump, this.#log)];
    });
    this.#tracker.open(this.peer.edgeId, greeting.softwareVersion, [...greeting.have.keys()]);
    this.#log.info('publish.stream_opened', { have: Object.fromEntries(greeting.have) });
    this.pump();
  }

  #next(): Encoded | null {
    for (const cursor of this.#cursors) {
      if (cursor.lane !== 'revoke' && this.#heartbeat !== null) break;
      const bytes = cursor.next();
      if (bytes !== null) return bytes;
    }
    const heartbeat = this.#heartbeat;
    this.#heartbeat = null;
    return heartbeat;
  }
}
