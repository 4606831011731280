import type { SyncRequest } from '@sallyport/proto';
import { fetchFromWire, laneFromWire, nackFromWire } from '@sallyport/proto';
import type { Log } from '@sallyport/shared/log';
import { type Block, type Lane, lanes } from '@sallyport/shared/state/model';
import type { NackMessage } from '@sallyport/shared/sync/messages';
import type { Monotonic } from '../1-log/follow.ts';
import type { Encoded } from '../3-frames/encode.ts';
import type { Admission } from '../admission.ts';
import type { EdgeTracker, SaidAck } from '../edge-tracker.ts';
import { type CursorObserver, LaneCursor } from './cursor.ts';
import type { EdgeBudget } from './edge-budget.ts';
import { Flight } from './flight.ts';
import { type Greeting, readHello } from './hello.ts';
import type { LaneSource } from './lane-source.ts';
import { readAck, readCarried, readReport } from './said.ts';

/** Why this side ends a stream. */
export type StreamEnd =
  | { readonly kind: 'draining' }
  | { readonly kind: 'stalled' }
  | { readonly kind: 'barred' }
  | { readonly kind: 'certificate_expired' }
  | { readonly kind: 'busy'; readonly retryAfterMs: number }
  /** It says more than an edge has to. */
  | { readonly kind: 'flooding' }
  | { readonly kind: 'protocol'; readonly detail: string };

/** The transport under a stream. */
export interface Pipe {
  /** `flushed` is called when the bytes are on their way, or never will be. */
  write(bytes: Encoded, flushed: () => void): void;
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
  readonly admission: Admission;
  /** The newest `Keys` message. */
  readonly keys: () => Encoded;
  readonly observer: CursorObserver;
  /** Blocks that an edge goes on enforcing. */
  readonly onCarried: (edgeId: string, blocks: readonly Block[]) => void;
  /** `openedAtMs`: since when, by the monotonic clock, the edge has this stream. */
  readonly onEnforced: (ack: SaidAck, openedAtMs: number) => void;
  readonly onNack: (edgeId: string, nack: NackMessage) => void;
  /** What the edge may still say, on all its streams. */
  readonly budget: EdgeBudget;
  readonly onEnded: (reason: StreamEnd['kind']) => void;
  readonly monotonic: Monotonic;
  readonly log: Log;
  /** A stream that takes nothing for so long is closed, milliseconds. */
  readonly stallMs: number;
  readonly onClosed: () => void;
}

const helloMs = 10_000;
/** One for each lane, and again for one that starts anew. */
const hellosPerSecondMax = 12;

/**
 * One Sync stream: frames of its lanes down, acknowledgements up. Keys go before everything, the
 * lane `revoke` before the heartbeat, and the heartbeat before the other lanes.
 */
export class SyncStream {
  readonly peer: StreamPeer;
  readonly #pipe: Pipe;
  readonly #parts: StreamParts;
  readonly #log: Log;
  readonly #openedAtMs: number;
  readonly #flight: Flight;
  /** In the order in which they are served. */
  #cursors: readonly LaneCursor[] = [];
  #keysSent: Encoded | null = null;
  #heartbeat: Encoded | null = null;
  #pumping = false;
  /** Since the last tick. */
  #hellos = 0;
  #hushed = false;
  #ended = false;

  constructor(peer: StreamPeer, pipe: Pipe, parts: StreamParts) {
    this.peer = peer;
    this.#pipe = pipe;
    this.#parts = parts;
    this.#log = parts.log.with({ edge: peer.edgeId });
    this.#openedAtMs = parts.monotonic();
    this.#flight = new Flight(parts.monotonic);
  }

  carries(lane: Lane): boolean {
    return this.#cursors.some((cursor) => cursor.lane === lane);
  }

  /** `bytes`: what the message took on the line. */
  receive({ message }: SyncRequest, bytes: number): void {
    if (this.#ended) return;
    const kind = message.case === 'ack' ? 'ack' : 'other';
    if (!this.#parts.budget.take(kind, bytes)) return this.end({ kind: 'flooding' });
    if (this.#hushed && !isLastWord(message)) return;
    if (message.case === 'hello') return this.#hello(message.value);
    if (!this.#greeted) {
      return this.end({ kind: 'protocol', detail: 'a Hello comes first' });
    }
    switch (message.case) {
      case 'ack':
        return this.#ack(message.value);
      case 'nack':
        return this.#nack(message.value);
      case 'fetch':
        return this.#fetch(message.value);
      case 'report':
        return this.#report(message.value);
      case 'carried':
        return this.#carried(message.value);
      case undefined:
        // Of a newer protocol: what it means is not known, and nothing depends on it.
        return;
    }
  }

  /** There may be more to send. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    while (!this.#ended && !this.#flight.isFull) {
      const bytes = this.#next();
      if (bytes === null) break;
      this.#write(bytes);
    }
    this.#pumping = false;
  }

  /** Once a second: what time alone decides. A heartbeat not yet sent is replaced. */
  tick(heartbeat: Encoded | null, wallMs: number): void {
    if (this.#ended) return;
    this.#hellos = 0;
    const nowMs = this.#parts.monotonic();
    if (wallMs >= this.peer.certificateNotAfterMs) return this.end({ kind: 'certificate_expired' });
    if (this.#flight.isStalled(this.#parts.stallMs)) return this.end({ kind: 'stalled' });
    if (!this.#greeted) {
      if (nowMs - this.#openedAtMs < helloMs) return;
      return this.end({ kind: 'protocol', detail: 'no Hello came in time' });
    }
    this.#heartbeat = heartbeat;
    this.pump();
  }

  /** Sends revocations alone, and hears what the edge makes of them, until the stream ends. */
  hush(): void {
    this.#hushed = true;
  }

  end(reason: StreamEnd): void {
    if (this.#ended) return;
    this.#log.info('publish.stream_ended', { reason });
    this.#parts.onEnded(reason.kind);
    this.closed();
    this.#pipe.end(reason);
  }

  /** The transport is gone. */
  closed(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#parts.onClosed();
    for (const cursor of this.#cursors) cursor.end();
    if (this.#greeted) this.#parts.tracker.close(this.peer.edgeId, this.#lanes());
  }

  get #greeted(): boolean {
    return this.#cursors.length > 0;
  }

  #lanes(): Lane[] {
    return this.#cursors.map(({ lane }) => lane);
  }

  #cursor(lane: Lane): LaneCursor | undefined {
    return this.#cursors.find((cursor) => cursor.lane === lane);
  }

  #hello(hello: Parameters<typeof readHello>[0]): void {
    const greeting = readHello(hello);
    if ('problem' in greeting) return this.end({ kind: 'protocol', detail: greeting.problem });
    if (!this.#greeted && !this.#open(greeting)) return;
    this.#hellos += 1;
    if (this.#hellos > hellosPerSecondMax) {
      return this.end({ kind: 'protocol', detail: 'too many Hellos' });
    }
    for (const [lane, have] of greeting.have) this.#cursor(lane)?.hello(have);
    this.pump();
  }

  /** False: refused. A stream of `revoke` alone is always let in. */
  #open({ softwareVersion, have }: Greeting): boolean {
    const { tracker, admission } = this.#parts;
    const urgent = [...have.keys()].every((lane) => lane === 'revoke');
    const retryAfterMs = urgent ? null : admission.hello();
    if (retryAfterMs !== null) {
      this.end({ kind: 'busy', retryAfterMs });
      return false;
    }
    const { edgeId } = this.peer;
    const wanted = lanes.filter((lane) => have.has(lane));
    tracker.open(edgeId, softwareVersion, wanted);
    this.#cursors = wanted.flatMap((lane) => this.#newCursor(lane) ?? []);
    this.#log.debug('publish.stream_opened', { have: Object.fromEntries(have) });
    return true;
  }

  #newCursor(lane: Lane): LaneCursor | null {
    const { sources, tracker, admission, monotonic, observer } = this.#parts;
    const source = sources.get(lane);
    if (source === undefined) return null;
    const { edgeId } = this.peer;
    return new LaneCursor({
      edgeId,
      source,
      refusals: tracker.refusals(edgeId, lane),
      transfers: admission.transfers,
      monotonic,
      log: this.#log,
      observer: {
        ...observer,
        held: (_, held) => tracker.hold(edgeId, lane, held),
      },
      poke: () => this.pump(),
    });
  }

  #ack(wire: Parameters<typeof readAck>[0]): void {
    const ack = readAck(wire);
    // Before the lane was resumed, the edge speaks of a history that may not be ours.
    if (ack === null || this.#cursor(ack.lane)?.resumed !== true) return;
    this.#parts.tracker.ack(this.peer.edgeId, ack);
    if (ack.stage === 'enforced') this.#parts.onEnforced(ack, this.#openedAtMs);
  }

  #nack(wire: Parameters<typeof nackFromWire>[0]): void {
    const nack = nackFromWire(wire);
    if (nack === null) return;
    this.#parts.onNack(this.peer.edgeId, nack);
    this.#parts.tracker.nack(this.peer.edgeId, nack);
    this.#cursor(nack.lane)?.nack(nack);
    this.pump();
  }

  #fetch(wire: Parameters<typeof fetchFromWire>[0]): void {
    const fetch = fetchFromWire(wire);
    if (fetch === null) return;
    this.#cursor(fetch.lane)?.fetch(fetch);
    this.pump();
  }

  #report(wire: Parameters<typeof readReport>[0]): void {
    const said = readReport(wire);
    if (said !== null) this.#parts.tracker.report(this.peer.edgeId, said.lane, said.report);
  }

  #carried(wire: Parameters<typeof readCarried>[0]): void {
    const blocks = readCarried(wire);
    if (blocks === null) {
      return this.end({ kind: 'protocol', detail: 'carried blocks that cannot be read' });
    }
    this.#parts.tracker.carried(this.peer.edgeId, blocks.length);
    this.#parts.onCarried(this.peer.edgeId, blocks);
  }

  #next(): Encoded | null {
    if (!this.#greeted) return null;
    if (this.#hushed) return this.#cursor('revoke')?.next() ?? null;
    const keys = this.#parts.keys();
    if (keys !== this.#keysSent) {
      this.#keysSent = keys;
      return keys;
    }
    for (const cursor of this.#cursors) {
      if (cursor.lane !== 'revoke' && this.#heartbeat !== null) break;
      const bytes = cursor.next();
      if (bytes !== null) return bytes;
    }
    const heartbeat = this.#heartbeat;
    this.#heartbeat = null;
    return heartbeat ?? null;
  }

  #write(bytes: Encoded): void {
    const taken = this.#flight.begin(bytes.length);
    this.#pipe.write(bytes, () => {
      const wasFull = this.#flight.isFull;
      taken();
      if (wasFull) this.pump();
    });
  }
}

/** What a blocked edge may still say: it could have itself carried on otherwise. */
function isLastWord(message: SyncRequest['message']): boolean {
  if (message.case !== 'ack' && message.case !== 'nack') return false;
  return laneFromWire(message.value.lane) === 'revoke';
}
