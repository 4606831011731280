import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Revision } from '../../store/log-connection.ts';
import type { ShardSet } from '../2-shards/shards.ts';
import { type Encoded, encodeFrame, encodeResume } from '../3-frames/encode.ts';
import type { LaneSource } from './lane-source.ts';
import { planResume } from './plan.ts';

/** A frame that no edge would accept (4 MiB is the limit of a message): the lane goes by shards. */
const frameBytesMax = 4_000_000;

type Phase =
  /** Nothing was decided yet, or the last attempt failed: decide when poked. */
  | { readonly kind: 'undecided' }
  /** Something is being read; `poke` follows. */
  | { readonly kind: 'busy' }
  /** The edge is ahead of this replica. */
  | { readonly kind: 'waiting' }
  | { readonly kind: 'shards'; readonly set: ShardSet; next: number }
  | { readonly kind: 'backlog'; readonly revisions: readonly Revision[]; next: number }
  | { readonly kind: 'tail' };

/**
 * One lane of one stream: what to send next. It holds a position and at most one short read, never
 * a queue. `next` does not wait; what must be read first makes it say null, and `poke` is called
 * when there is more.
 */
export class LaneCursor {
  readonly lane: Lane;
  readonly #source: LaneSource;
  readonly #poke: () => void;
  readonly #log: Log;
  #have: Position | null;
  #phase: Phase = { kind: 'undecided' };
  #resume: Encoded | null = null;
  #saidWait = false;

  constructor(source: LaneSource, have: Position | null, poke: () => void, log: Log) {
    this.lane = source.lane;
    this.#source = source;
    this.#have = have;
    this.#poke = poke;
    this.#log = log;
  }

  next(): Encoded | null {
    if (this.#phase.kind === 'undecided') this.#decide();
    if (this.#phase.kind === 'waiting') this.#stopWaiting();
    const resume = this.#resume;
    this.#resume = null;
    return resume ?? this.#nextOfPhase();
  }

  /** Tries again what failed. Called each second. */
  retry(): void {
    if (this.#phase.kind === 'undecided') this.#poke();
  }

  #nextOfPhase(): Encoded | null {
    switch (this.#phase.kind) {
      case 'shards':
        return this.#nextShard(this.#phase);
      case 'backlog':
        return this.#nextOfBacklog(this.#phase);
      case 'tail':
        return this.#nextFrame();
      case 'undecided':
      case 'busy':
      case 'waiting':
        return null;
    }
  }

  #nextShard(phase: Extract<Phase, { kind: 'shards' }>): Encoded | null {
    const shard = phase.set.shards[phase.next];
    phase.next += 1;
    if (phase.next >= phase.set.shards.length) {
      this.#have = phase.set.position;
      this.#phase = { kind: 'tail' };
    }
    return shard ?? null;
  }

  #nextOfBacklog(phase: Extract<Phase, { kind: 'backlog' }>): Encoded | null {
    const revision = phase.revisions[phase.next];
    phase.next += 1;
    if (phase.next >= phase.revisions.length) this.#phase = { kind: 'tail' };
    return revision === undefined ? null : this.#advance(revision.rev, encodeFrame(revision));
  }

  #nextFrame(): Encoded | null {
    if (this.#have === null) throw new Error('a lane without a position has no tail');
    const frame = this.#source.frameAfter(this.#have);
    if (frame === null) return null;
    if (frame !== 'gone') return this.#advance(frame.rev, frame.bytes);
    const have = this.#have;
    this.#busy(async () => {
      const revisions = await this.#source.revisionsAfter(have);
      return revisions.length > 0 ? { kind: 'backlog', revisions, next: 0 } : this.#plan();
    });
    return null;
  }

  #advance(rev: number, bytes: Encoded): Encoded | null {
    if (this.#have === null) throw new Error('a lane without a position has no next revision');
    const position = { epoch: this.#have.epoch, rev };
    if (bytes.length > frameBytesMax) {
      this.#busy(() => this.#planShards(position));
      return null;
    }
    this.#have = position;
    return bytes;
  }

  #decide(): void {
    if (this.#source.head() !== null) this.#busy(() => this.#plan());
  }

  #stopWaiting(): void {
    const head = this.#source.head();
    if (head !== null && planResume(this.#have, head, true) !== 'wait') this.#decide();
  }

  async #plan(): Promise<Phase> {
    const head = this.#source.head();
    if (head === null) return { kind: 'undecided' };
    const have = this.#have;
    const sameHistory = have !== null && have.epoch === head.epoch && have.rev <= head.rev;
    const kind = planResume(have, head, sameHistory && (await this.#source.canTail(have)));
    if (kind === 'shards') return this.#planShards(null);
    if (kind === 'tail' || !this.#saidWait) {
      this.#resume = encodeResume(this.lane, kind, head);
    }
    this.#saidWait = kind === 'wait';
    return { kind: kind === 'tail' ? 'tail' : 'waiting' };
  }

  async #planShards(atLeast: Position | null): Promise<Phase> {
    const set = await this.#source.shards(atLeast);
    this.#resume = encodeResume(this.lane, 'shards', set.position);
    this.#saidWait = false;
    return { kind: 'shards', set, next: 0 };
  }

  #busy(work: () => Promise<Phase>): void {
    this.#phase = { kind: 'busy' };
    work()
      .then((phase) => {
        this.#phase = phase;
        if (phase.kind !== 'undecided') this.#poke();
      })
      .catch((error: unknown) => {
        this.#log.warn('publish.lane_read_failed', { lane: this.lane, error });
        this.#phase = { kind: 'undecided' };
      });
  }
}
