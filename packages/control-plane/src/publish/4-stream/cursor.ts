import { hex } from '@sallyport/shared/bytes';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type {
  FetchMessage,
  FrameProof,
  LanePosition,
  NackMessage,
  ResumeMode,
} from '@sallyport/shared/sync/messages';
import { samePosition } from '@sallyport/shared/sync/position';
import { createReplicaLane, stepReplicaLane } from '@sallyport/shared/sync/replica-lane';
import type {
  ReplicaLane,
  ReplicaLaneEffect,
  ReplicaLaneEvent,
  ShownFrame,
} from '@sallyport/shared/sync/replica-lane-model';
import type { Monotonic } from '../1-log/follow.ts';
import { type Encoded, encodeMessage } from '../3-frames/encode.ts';
import type { Slots } from '../admission.ts';
import { reaches } from '../position.ts';
import type { Refusals } from '../refusals.ts';
import { judgeFrame } from './frame-verdict.ts';
import type { LaneSource, LoggedFrame } from './lane-source.ts';
import { Offer } from './offer.ts';
import { OneRead } from './one-read.ts';

/** What a lane's cursor tells of what it does. */
export interface CursorObserver {
  resumed(lane: Lane, mode: ResumeMode): void;
  partSent(lane: Lane): void;
  held(lane: Lane, held: boolean): void;
}

export interface CursorParts {
  readonly edgeId: string;
  readonly source: LaneSource;
  /** What this edge refused, also on other streams. */
  readonly refusals: Refusals;
  readonly transfers: Slots;
  readonly monotonic: Monotonic;
  readonly log: Log;
  readonly observer: CursorObserver;
  /** There may be more to send. */
  readonly poke: () => void;
}

/** An effect of one step may lead to another at once; there are never so many. */
const stepsMax = 8;

type EventBody = ReplicaLaneEvent extends infer Event
  ? Event extends ReplicaLaneEvent
    ? Omit<Event, 'nowMs' | 'source'>
    : never
  : never;

/**
 * One lane of one stream: runs what shared/sync/replica-lane.ts decides. It holds a position, the
 * snapshot that is offered, and at most one short read; never a queue. `next` does not wait; what
 * must be read first makes it say null, and `poke` is called when there is more.
 */
export class LaneCursor {
  readonly lane: Lane;
  readonly #parts: CursorParts;
  readonly #offer: Offer;
  /** For the step before. */
  readonly #read: OneRead;
  #state: ReplicaLane;
  #backlog: readonly LoggedFrame[] = [];
  #resumed = false;
  #ended = false;

  constructor(parts: CursorParts) {
    this.#parts = parts;
    this.lane = parts.source.lane;
    this.#offer = new Offer(parts.transfers);
    this.#read = new OneRead(this.lane, parts.log);
    this.#state = createReplicaLane(this.lane);
  }

  /** Whether the edge was told how to go on, so that what it acknowledges is of our history. */
  get resumed(): boolean {
    return this.#resumed;
  }

  /** Also again, on the same stream: the lane starts anew. */
  hello({ position, proof, headProof }: LanePosition): void {
    this.#drop();
    this.#resumed = false;
    this.#state = { ...createReplicaLane(this.lane), refused: this.#parts.refusals.list() };
    const { source } = this.#parts;
    const said = [proof, headProof].filter((one) => one !== null);
    const shown = said.filter((one) => source.believes(one)).map((one) => this.#shown(one));
    this.#feed({ type: 'hello', have: position, shown });
  }

  fetch({ position, shards }: FetchMessage): void {
    this.#feed({ type: 'fetch', position, shards });
  }

  nack({ position, code, refusedSha256 }: NackMessage): void {
    const refused = refusedSha256.length === 32 ? hex(refusedSha256) : '';
    this.#feed({ type: 'nack', position, code, refusedSha256: refused });
    if (this.#state.phase.kind !== 'parked') return;
    this.#drop();
    this.#parts.observer.held(this.lane, true);
  }

  next(): Encoded | null {
    for (let step = 0; step < stepsMax && !this.#ended; step += 1) {
      if (this.#offer.isAmidShard) return this.#nextPart();
      const { phase } = this.#state;
      if (phase.kind === 'sending' && !this.#offer.hasPlace(phase.shards, this.#parts.poke)) {
        return null;
      }
      if (phase.kind === 'waiting' && this.#state.resume === null) this.#lookAgain();
      const before = this.#state;
      const bytes = this.#feed({ type: 'room' });
      if (bytes !== null) return bytes;
      if (this.#state === before) return null;
    }
    return null;
  }

  /** The stream is over. */
  end(): void {
    this.#ended = true;
    this.#drop();
  }

  #drop(): void {
    this.#read.forget();
    this.#offer.drop();
    this.#backlog = [];
  }

  /** One step of the machine; what goes onto the stream for it, if anything does. */
  #feed(event: EventBody): Encoded | null {
    const { source, monotonic } = this.#parts;
    const before = this.#state;
    const step = stepReplicaLane(before, {
      ...event,
      nowMs: monotonic(),
      source: source.facts(),
    } as ReplicaLaneEvent);
    this.#state = step.state;
    let bytes: Encoded | null = null;
    for (const effect of step.effects) bytes = this.#run(effect, before) ?? bytes;
    const { kind } = this.#state.phase;
    if (kind !== 'sending') this.#offer.leavePlace();
    if (before.phase.kind === 'parked' && kind !== 'parked') {
      this.#parts.observer.held(this.lane, false);
    }
    return bytes;
  }

  #run(effect: ReplicaLaneEffect, before: ReplicaLane): Encoded | null {
    switch (effect.type) {
      case 'send_resume':
        return this.#sendResume(effect);
      case 'send_manifest':
        return this.#offer.manifest;
      case 'send_shard':
        return this.#sendShard(effect.index);
      case 'send_frame':
        return this.#sendFrame(effect.position, before);
      case 'build_manifest':
        this.#build();
        return null;
      case 'read_log':
        this.#readLog(effect.after);
        return null;
      case 'check_history':
        this.#ask(
          () => this.#parts.source.history(this.#parts.edgeId, effect.proof),
          (history) =>
            history === null ? failed() : { type: 'history', of: effect.proof, ...history },
        );
        return null;
      case 'raise_epoch':
        this.#ask(
          () => this.#parts.source.raiseEpoch(effect.proof, effect.databaseHead),
          () => null,
        );
        return null;
    }
  }

  #sendResume(effect: Extract<ReplicaLaneEffect, { type: 'send_resume' }>): Encoded {
    const { head, forkedAt } = effect;
    let { mode } = effect;
    const wanted = this.#state.have ?? this.#state.proof;
    const { source, observer } = this.#parts;
    if (mode === 'wait' && wanted !== null && source.aheadElsewhere(wanted)) mode = 'redirect';
    this.#resumed = mode === 'tail' || mode === 'shards';
    observer.resumed(this.lane, mode);
    return encodeMessage({ kind: 'resume', value: { lane: this.lane, mode, head, forkedAt } });
  }

  #sendShard(index: number): Encoded | null {
    if (this.#offer.beginShard(index)) return this.#nextPart();
    this.#feed({ type: 'shards_gone' });
    return null;
  }

  #nextPart(): Encoded {
    const bytes = this.#offer.nextPart();
    // The last one: what was offered is not needed any more.
    if (!this.#offer.isAmidShard && this.#state.phase.kind !== 'sending') this.#drop();
    this.#parts.observer.partSent(this.lane);
    return bytes;
  }

  /** Without a key to sign with, nothing goes out, and the step did not happen. */
  #sendFrame(position: Position, before: ReplicaLane): Encoded | null {
    const { source, refusals } = this.#parts;
    const found =
      this.#backlog.find(({ rev }) => rev === position.rev) ??
      source.frameAfter({ ...position, rev: position.rev - 1 });
    if (found === 'gone' || found === null) {
      this.#state = found === null ? before : { ...before, phase: { kind: 'tail' } };
      return null;
    }
    // After shards their last frame comes once more, as a proof of them; the edge can do without.
    const isRepeated = samePosition(position, this.#offer.position);
    const verdict = judgeFrame(found, refusals, before.refused);
    if (verdict.kind === 'send') return found.bytes;
    if (isRepeated) return null;
    if (verdict.kind === 'oversize') {
      this.#feed({ type: 'oversize' });
      return null;
    }
    this.#feed({ type: 'nack', position, code: 'INTERNAL', refusedSha256: verdict.sha256 });
    this.#parts.observer.held(this.lane, true);
    return null;
  }

  #build(): void {
    const { have, proof, refused } = this.#state;
    const { source } = this.#parts;
    const { head } = source.facts();
    if (head === null) throw new Error('a lane without a head has no state');
    // Where something was refused, a state of before would hold it once more.
    const known = [have, proof, refused.length > 0 ? head : null].map((position) =>
      position?.epoch === head.epoch ? position.rev : 0,
    );
    const atLeast = { epoch: head.epoch, rev: Math.max(...known) };
    this.#ask(
      () => this.#offer.find(source, atLeast),
      (snapshot) => {
        if (snapshot === null) return failed();
        this.#offer.make(snapshot);
        const sha256 = snapshot.shards.map(({ hash }) => hash);
        return { type: 'manifest', position: snapshot.position, sha256 };
      },
    );
  }

  #readLog(after: Position): void {
    this.#ask(
      () => this.#parts.source.framesAfter(after),
      (frames) => {
        this.#backlog = frames;
        return { type: 'log', after, frames: frames.length };
      },
    );
  }

  /** Feeds the answer, unless something else has been asked or begun meanwhile. */
  #ask<Answer>(work: () => Promise<Answer>, eventOf: (answer: Answer) => EventBody | null): void {
    const settle = (eventNow: () => EventBody | null): void => {
      if (this.#ended) return;
      const event = eventNow();
      if (event !== null) this.#feed(event);
      this.#parts.poke();
    };
    this.#read.ask(
      work,
      (answer) => settle(() => eventOf(answer)),
      () => settle(failed),
    );
  }

  /**
   * The head may have come to where the waiting edge says it is. That alone does not make its
   * history ours: the frame that it had last must be this replica's own, else it takes the shards.
   */
  #lookAgain(): void {
    const { have, proof, unproven } = this.#state;
    const { head } = this.#parts.source.facts();
    const wanted = have ?? proof;
    if (head === null || wanted === null || !reaches(head, wanted)) return;
    const proofs = [...(proof === null ? [] : [proof]), ...unproven.map((one) => one.proof)];
    const shown = proofs.map((one) => this.#shown(one));
    const isKnown = shown.length > 0 && shown.every(({ ownSha256 }) => ownSha256 !== null);
    this.#feed({ type: 'hello', have: isKnown ? have : null, shown });
  }

  #shown(proof: FrameProof): ShownFrame {
    return { proof, ownSha256: this.#parts.source.bodySha256(proof) };
  }
}

/** Many streams may have failed at the same instant. */
function failed(): EventBody {
  return { type: 'failed', jitter: Math.random() };
}
