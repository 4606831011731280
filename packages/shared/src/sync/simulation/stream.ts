import type { Block, Position } from '../../state/model.ts';
import type {
  FetchMessage,
  FrameMessage,
  HeartbeatMessage,
  LanePosition,
  ManifestMessage,
  NackMessage,
  ProvisionalMessage,
  ResumeMessage,
  ShardPart,
} from '../messages.ts';
import type { Verdict } from '../verification-keys.ts';
import type { Timeline } from './timeline.ts';

/** What goes down and up. Signatures are modelled by their verdict: the transport is not trusted. */
export type Down =
  | { readonly type: 'resume'; readonly value: ResumeMessage }
  | { readonly type: 'manifest'; readonly value: ManifestMessage }
  | { readonly type: 'part'; readonly value: ShardPart }
  | Broadcast;

/** What goes by NATS, too. */
export type Broadcast =
  | {
      readonly type: 'frame';
      readonly value: FrameMessage;
      readonly sha256: Uint8Array;
      readonly verdict: Verdict;
    }
  | { readonly type: 'heartbeat'; readonly value: HeartbeatMessage; readonly verdict: Verdict }
  | {
      readonly type: 'provisional';
      readonly value: ProvisionalMessage;
      readonly sha256: Uint8Array;
      readonly verdict: Verdict;
    };

export type Up =
  | { readonly type: 'hello'; readonly have: LanePosition; readonly at: Position | null }
  | { readonly type: 'fetch'; readonly value: FetchMessage }
  | { readonly type: 'nack'; readonly value: NackMessage }
  | { readonly type: 'carried'; readonly blocks: readonly Block[] };

export interface StreamEnd<Message> {
  receive(message: Message): void;
  closed(): void;
}

interface Direction<Message> {
  readonly to: StreamEnd<Message>;
  lastAtMs: number;
  readonly stalled: (() => void)[];
}

/**
 * One connection, ordered both ways. While the way is cut nothing arrives, and nothing is lost: it
 * arrives when the way is whole again, if both still hold the stream.
 */
export class Stream {
  open = true;
  readonly #timeline: Timeline;
  readonly #latencyMs: () => number;
  readonly #isCut: () => boolean;
  readonly #down: Direction<Down>;
  readonly #up: Direction<Up>;

  constructor(parts: {
    readonly timeline: Timeline;
    readonly latencyMs: () => number;
    readonly isCut: () => boolean;
    readonly edge: StreamEnd<Down>;
    readonly replica: StreamEnd<Up>;
  }) {
    this.#timeline = parts.timeline;
    this.#latencyMs = parts.latencyMs;
    this.#isCut = parts.isCut;
    this.#down = { to: parts.edge, lastAtMs: 0, stalled: [] };
    this.#up = { to: parts.replica, lastAtMs: 0, stalled: [] };
  }

  /** `arrived` runs when the edge has taken it: the sender's window. */
  toEdge(message: Down, arrived: () => void): void {
    this.#send(this.#down, () => {
      this.#down.to.receive(message);
      arrived();
    });
  }

  toReplica(message: Up): void {
    this.#send(this.#up, () => this.#up.to.receive(message));
  }

  closeByEdge(): void {
    this.#close(this.#up);
  }

  closeByReplica(): void {
    this.#close(this.#down);
  }

  /** The way is whole again. */
  healed(): void {
    for (const deliver of this.#down.stalled.splice(0)) this.#plan(this.#down, deliver);
    for (const deliver of this.#up.stalled.splice(0)) this.#plan(this.#up, deliver);
  }

  #close<Message>(other: Direction<Message>): void {
    if (!this.open) return;
    this.open = false;
    const tell = () => {
      if (this.#isCut()) other.stalled.push(tell);
      else other.to.closed();
    };
    this.#timeline.after(this.#latencyMs(), tell);
  }

  #send<Message>(direction: Direction<Message>, deliver: () => void): void {
    if (this.open) this.#plan(direction, deliver);
  }

  #plan<Message>(direction: Direction<Message>, deliver: () => void): void {
    const atMs = Math.max(direction.lastAtMs, this.#timeline.nowMs + this.#latencyMs());
    direction.lastAtMs = atMs;
    this.#timeline.after(atMs - this.#timeline.nowMs, () => {
      if (this.#isCut() || direction.stalled.length > 0) {
        if (direction.stalled.length < stalledMax) direction.stalled.push(deliver);
      } else if (this.open) deliver();
    });
  }
}

/** A connection that stands still takes no more than its buffers. */
const stalledMax = 64;
