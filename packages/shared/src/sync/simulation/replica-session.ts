import type { ManifestMessage } from '../messages.ts';
import { samePosition } from '../position.ts';
import { createReplicaLane, stepReplicaLane } from '../replica-lane.ts';
import type { ReplicaLane, ReplicaLaneEffect, ReplicaLaneEvent } from '../replica-lane-model.ts';
import type { ModelLane } from './database.ts';
import type { ManifestSet, Replica } from './replica.ts';
import type { Broadcast, Down, Stream, StreamEnd, Up } from './stream.ts';

const windowMax = 8;
const buildMs = 20;
const databaseMs = 8;

type Body<Event> = Event extends unknown ? Omit<Event, 'nowMs' | 'source'> : never;

/** One stream at a replica: the shell around its machine. */
export class ReplicaSession implements StreamEnd<Up> {
  readonly lane: ModelLane;
  /** How many blocks the edge carries, as it told last; null: it told nothing. */
  carried: number | null = null;
  readonly #edge: string;
  readonly #replica: Replica;
  readonly #stream: () => Stream;
  #state: ReplicaLane;
  #inFlight = 0;
  #set: ManifestSet | null = null;
  #ended = false;
  /** What came while the process stood still. */
  #unread: Up[] = [];

  constructor(replica: Replica, edge: string, lane: ModelLane, stream: () => Stream) {
    this.#replica = replica;
    this.#edge = edge;
    this.lane = lane;
    this.#stream = stream;
    this.#state = createReplicaLane(lane);
  }

  get state(): ReplicaLane {
    return this.#state;
  }

  /** Messages on their way: bounded by the window, whatever the edge does. */
  get inFlight(): number {
    return this.#inFlight;
  }

  receive(message: Up): void {
    if (this.#ended) return;
    if (this.#replica.paused) {
      if (this.#unread.length < windowMax) this.#unread.push(message);
      return;
    }
    switch (message.type) {
      case 'hello':
        return this.#hello(message);
      case 'fetch':
        return this.#step({ type: 'fetch', ...message.value });
      case 'nack': {
        const { position, code, refusedSha256 } = message.value;
        const refused = Buffer.from(refusedSha256).toString('hex');
        return this.#step({ type: 'nack', position, code, refusedSha256: refused });
      }
      case 'carried':
        this.carried = message.blocks.length;
        return this.#replica.takeCarried(this.#edge, message.blocks);
    }
  }

  closed(): void {
    this.#ended = true;
    this.#replica.forget(this);
  }

  /** The replica gives the stream up. */
  end(): void {
    this.closed();
    this.#stream().closeByReplica();
  }

  broadcast(message: Broadcast): void {
    if (!this.#ended) this.#stream().toEdge(message, () => undefined);
  }

  pump(): void {
    if (this.#replica.paused || this.#ended) return;
    for (const message of this.#unread.splice(0)) this.receive(message);
    while (this.#inFlight < windowMax) {
      const before = this.#inFlight;
      this.#run({ type: 'room' });
      if (this.#inFlight === before) return;
    }
  }

  #hello({ have }: Extract<Up, { type: 'hello' }>): void {
    const shown = [have.proof, have.headProof].flatMap((proof) => {
      if (proof === null) return [];
      const own = this.#replica.revision(this.lane, proof);
      return [{ proof, ownSha256: own === null ? null : Buffer.from(own.sha256).toString('hex') }];
    });
    this.#step({ type: 'hello', have: have.position, shown });
  }

  #step(event: Body<ReplicaLaneEvent>): void {
    if (this.#ended) return;
    this.#run(event);
    this.pump();
  }

  #run(event: Body<ReplicaLaneEvent>): void {
    const nowMs = this.#replica.timeline.nowMs;
    const source = this.#replica.source(this.lane);
    const { state, effects } = stepReplicaLane(this.#state, { ...event, nowMs, source });
    this.#state = state;
    for (const effect of effects) this.#effect(effect);
  }

  #effect(effect: ReplicaLaneEffect): void {
    const { lane } = this;
    switch (effect.type) {
      case 'send_resume': {
        const { mode, head, forkedAt } = effect;
        return this.#send({ type: 'resume', value: { lane, mode, head, forkedAt } });
      }
      case 'send_manifest':
        if (this.#set === null) return this.#later(0, () => ({ type: 'shards_gone' }));
        return this.#send({ type: 'manifest', value: this.#set.manifest });
      case 'send_shard':
        return this.#sendShard(effect.position, effect.index);
      case 'send_frame': {
        const revision = this.#replica.revision(lane, effect.position);
        if (revision === null) return this.#later(0, () => ({ type: 'oversize' }));
        const { frame, sha256 } = revision;
        return this.#send({ type: 'frame', value: frame, sha256, verdict: 'ok' });
      }
      case 'build_manifest':
        return this.#later(buildMs, () => this.#build());
      case 'read_log':
        return this.#later(databaseMs, () => {
          if (!this.#replica.reachesDatabase) return { type: 'failed', jitter: 0 };
          const { epoch, rev } = effect.after;
          let frames = 0;
          while (
            frames < 4 &&
            this.#replica.revision(lane, { epoch, rev: rev + frames + 1 }) !== null
          ) {
            frames += 1;
          }
          return { type: 'log', after: effect.after, frames };
        });
      case 'check_history':
        return this.#later(databaseMs, () => {
          if (!this.#replica.reachesDatabase) return { type: 'failed', jitter: 0 };
          const { database } = this.#replica;
          const own = database.revision(lane, effect.proof)?.sha256 ?? null;
          const sha256 = own === null ? null : Buffer.from(own).toString('hex');
          const { epoch, rev } = effect.proof;
          return { type: 'history', of: { epoch, rev }, head: database.head(lane), sha256 };
        });
      case 'raise_epoch': {
        const { database, reachesDatabase } = this.#replica;
        if (reachesDatabase && samePosition(database.head(lane), effect.databaseHead)) {
          database.raiseEpoch(effect.proof.epoch);
        }
      }
    }
  }

  #build(): Body<ReplicaLaneEvent> {
    const set = this.#replica.manifest(this.lane);
    if (set === null) return { type: 'failed', jitter: 0 };
    this.#set = set;
    const { position, shards } = set.manifest;
    const sha256 = shards.map((shard) => Buffer.from(shard.sha256).toString('hex'));
    return { type: 'manifest', position, sha256 };
  }

  #sendShard(position: ManifestMessage['position'], index: number): void {
    const shard = this.#set?.shards[index];
    if (shard === undefined || !samePosition(this.#set?.manifest.position ?? null, position)) {
      return this.#later(0, () => ({ type: 'shards_gone' }));
    }
    const half = Math.ceil(shard.body.length / 2);
    const bodies = [shard.body.subarray(0, half), shard.body.subarray(half)];
    for (const [part, body] of bodies.entries()) {
      const value = { lane: this.lane, position, index, part, parts: bodies.length, body };
      this.#send({ type: 'part', value });
    }
  }

  #later(delayMs: number, answer: () => Body<ReplicaLaneEvent>): void {
    this.#replica.timeline.after(delayMs, () => {
      if (!this.#ended) this.#step(this.#replica.paused ? { type: 'failed', jitter: 0 } : answer());
    });
  }

  #send(message: Down): void {
    this.#inFlight += 1;
    this.#stream().toEdge(message, () => {
      this.#inFlight -= 1;
      this.pump();
    });
  }
}
