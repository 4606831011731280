import { createHash } from 'node:crypto';
import { hex } from '../../bytes.ts';
import type { RevokeOp } from '../../state/model.ts';
import { isDenial } from '../denials.ts';
import type { EarlyFrame } from '../early-frames.ts';
import { createEdgeLane, laneHello, stepEdgeLane } from '../edge-lane.ts';
import type { EdgeLane, EdgeLaneEffect, EdgeLaneEvent, StreamPath } from '../edge-lane-model.ts';
import { proofOf } from '../edge-turn.ts';
import type { FrameMessage, FrameProof } from '../messages.ts';
import type { ModelLane } from './database.ts';
import type { Edge } from './edge.ts';
import type { EdgeDisk } from './edge-disk.ts';
import { decodeOps, isRevokeOp, type ModelOp, type ModelRows, modelShards } from './model-rows.ts';
import type { Broadcast, Down, Stream } from './stream.ts';

type Body<Event> = Event extends unknown ? Omit<Event, 'nowMs'> : never;

/** One lane at an edge: the shell around its machine, with tables, disk and streams. */
export class EdgeShell {
  readonly lane: ModelLane;
  rows: ModelRows;
  readonly streams = new Map<StreamPath, Stream>();
  readonly #edge: Edge;
  #state: EdgeLane;
  readonly #staged = new Map<number, readonly ModelOp[]>();
  #checkpointDue = 0;

  constructor(edge: Edge, lane: ModelLane) {
    this.#edge = edge;
    this.lane = lane;
    const { head, rows, files } = edge.disk.load(lane);
    this.rows = rows;
    const { state, effects } = createEdgeLane({
      lane,
      shards: modelShards,
      head,
      proof: files.proof,
      digest: rows.digest(),
      mark: files.mark,
      asOfMs: files.asOfMs,
      early: lane === 'revoke' ? edge.disk.early.map(earlyFrame) : [],
      nowMs: edge.nowMs,
    });
    this.#state = state;
    if (state.head === null) this.rows.clear();
    for (const effect of effects) this.#effect(effect);
  }

  get state(): EdgeLane {
    return this.#state;
  }

  feed(event: Body<EdgeLaneEvent>): void {
    const { state, effects } = stepEdgeLane(this.#state, { ...event, nowMs: this.#edge.nowMs });
    this.#state = state;
    for (const effect of effects) this.#effect(effect);
  }

  /** A stream has come up: Hello goes out. */
  opened(path: StreamPath, stream: Stream): void {
    this.streams.set(path, stream);
    const have = laneHello(this.#state);
    stream.toReplica({ type: 'hello', have, at: this.#state.head });
    this.feed({ type: 'opened', path });
  }

  closed(path: StreamPath): void {
    this.streams.delete(path);
    this.feed({ type: 'closed', path });
  }

  fromStream(path: StreamPath, message: Down): void {
    switch (message.type) {
      case 'resume':
        return this.feed({ type: 'resume', path, resume: message.value });
      case 'manifest':
        return this.feed({
          type: 'manifest',
          path,
          manifest: message.value,
          verdict: 'ok',
          have: this.rows.shardDigests(),
        });
      case 'part':
        return this.feed({ type: 'part', path, part: message.value });
      case 'frame':
      case 'heartbeat':
      case 'provisional':
        return this.fromAnywhere(path, message);
    }
  }

  fromAnywhere(path: StreamPath | 'nats', message: Broadcast): void {
    const verdict = this.#edge.sabotage === 'believe_forged' ? 'ok' : message.verdict;
    switch (message.type) {
      case 'frame':
        if (message.value.lane !== this.lane) return;
        return this.feed({
          type: 'frame',
          path,
          frame:
            this.#edge.sabotage === 'skip_gaps' ? this.#pulledUp(message.value) : message.value,
          sha256: message.sha256,
          verdict,
        });
      case 'heartbeat':
        return this.feed({ type: 'heartbeat', path, heartbeat: message.value, verdict });
      case 'provisional':
        return this.feed({
          type: 'provisional',
          path,
          provisional: message.value,
          sha256: message.sha256,
          verdict,
          wallMs: this.#edge.wallNowMs,
        });
    }
  }

  #effect(effect: EdgeLaneEffect): void {
    const edge = this.#edge;
    switch (effect.type) {
      case 'hello':
        return this.streams
          .get(effect.path)
          ?.toReplica({ type: 'hello', have: effect.have, at: this.#state.head });
      case 'apply':
        return this.#apply(effect.frame, effect.sha256);
      case 'enforce_early':
        if (edge.sabotage === 'lift_early') this.#liftEarly(effect.frame.body);
        return edge.enforceEarly(effect.frame, revokeOps(effect.frame.body));
      case 'drop_early':
        return edge.dropEarly(effect.upTo, effect.carry);
      case 'enforce_provisional': {
        const { id, body } = effect.provisional;
        edge.carry(edge.carried.provisional(id, revokeOps(body)));
        return edge.watcher.provisional(edge, id);
      }
      case 'drop_provisional':
        return edge.carry(edge.carried.dropProvisional(effect.id));
      case 'fetch': {
        const { position, shards } = effect;
        const value = { lane: this.lane, position, shards };
        return this.streams.get(effect.path)?.toReplica({ type: 'fetch', value });
      }
      case 'stage':
        return this.#stage(effect);
      case 'drop_staged':
        return this.#staged.clear();
      case 'swap':
        return this.#swap(effect);
      case 'nack': {
        const path = effect.path ?? [...this.streams.keys()][0];
        const stream = path === undefined ? undefined : this.streams.get(path);
        return stream?.toReplica({ type: 'nack', value: effect.nack });
      }
      case 'end_path':
        return edge.endStream(this, effect.path, effect.next);
      case 'as_of':
        edge.disk.files(this.lane).asOfMs = effect.asOfMs;
        return;
      case 'alarm':
        return edge.watcher.alarm(edge, this.lane, effect.name, effect.detail);
      case 'repeat_acks':
        if (this.lane === 'revoke' && effect.path === 'grpc') edge.reportCarried(true);
        return;
    }
  }

  /** The directory's rows take a while, as a configuration does that must be compiled first. */
  #apply(frame: FrameMessage, sha256: Uint8Array): void {
    const delayMs = this.lane === 'directory' ? this.#edge.dice.pick([0, 0, 0, 30]) : 0;
    this.#edge.later(delayMs, () => this.#applyNow(frame, sha256));
  }

  #applyNow(frame: FrameMessage, sha256: Uint8Array): void {
    const edge = this.#edge;
    const ops = decodeOps(frame.body);
    if (!edge.reads(ops)) {
      const problem = { code: 'SCHEMA', detail: 'an op of a newer version' } as const;
      return this.feed({ type: 'apply_refused', problem });
    }
    this.rows.apply(ops);
    const { epoch, prevRev, rev, keyId, signature } = frame;
    const proof: FrameProof = { epoch, prevRev, rev, bodySha256: sha256, keyId, signature };
    if (edge.sabotage !== 'forget_journal') edge.disk.append(this.lane, frame, proof);
    if (this.lane === 'revoke') edge.carry(edge.carried.applied(revokeOps(frame.body)));
    edge.watcher.applied(edge, this, { epoch, rev }, ops);
    this.feed({ type: 'applied', digest: this.rows.digest() });
    this.#checkpointDue += 1;
    if (this.#checkpointDue >= 5) this.#checkpoint();
  }

  #stage({ index, parts, expected }: Extract<EdgeLaneEffect, { type: 'stage' }>): void {
    const body = Buffer.concat(parts);
    const sha256 = createHash('sha256').update(body).digest();
    if (!sha256.equals(expected.sha256)) {
      const problem = { code: 'DIGEST', detail: `shard ${index}` } as const;
      return this.feed({ type: 'staged', index, problem });
    }
    const ops = decodeOps(body);
    if (!this.#edge.reads(ops)) {
      const problem = { code: 'SCHEMA', detail: 'a row of a newer version' } as const;
      return this.feed({ type: 'staged', index, problem });
    }
    this.#staged.set(index, ops);
    this.feed({ type: 'staged', index, problem: null });
  }

  #swap({ path, carry, position }: Extract<EdgeLaneEffect, { type: 'swap' }>): void {
    const edge = this.#edge;
    // What is carried stands there before the rows change, so that no reader misses it.
    if (this.lane === 'revoke' && edge.sabotage !== 'carry_nothing') {
      const rows = carry === 'nothing' ? [] : this.rows.ops();
      const denials = rows.filter(isRevokeOp).filter(isDenial);
      const kept = carry === 'blocks' ? denials.filter(({ op }) => op === 'block') : denials;
      edge.carry(edge.carried.carry(kept, position.epoch));
    }
    this.rows.replace(this.#staged);
    this.#staged.clear();
    if (this.lane === 'revoke') {
      edge.carry(edge.carried.arrived((denial) => this.rows.holds(denial), position.epoch));
    }
    edge.watcher.swapped(edge, this, position);
    this.feed({ type: 'swapped', digest: this.rows.digest() });
    this.#checkpoint();
    if (this.lane === 'revoke' && path === 'grpc') edge.reportCarried(true);
  }

  #liftEarly(body: Uint8Array): void {
    this.rows.apply(decodeOps(body).filter(({ op }) => op === 'lifted_block'));
  }

  /** A frame from behind a gap, as if it were the next. */
  #pulledUp(frame: FrameMessage): FrameMessage {
    const { head } = this.#state;
    const behindGap = head !== null && frame.epoch === head.epoch && frame.rev > head.rev + 1;
    return behindGap ? { ...frame, prevRev: head.rev, rev: head.rev + 1 } : frame;
  }

  #checkpoint(): void {
    const { head, proof } = this.#state;
    this.#checkpointDue = 0;
    if (head !== null) this.#edge.disk.checkpoint(this.lane, head, this.rows, proof);
  }
}

function earlyFrame({ frame, sha256 }: EdgeDisk['early'][number]): EarlyFrame {
  const { epoch, rev, body } = frame;
  const proof = proofOf(frame, sha256);
  return { epoch, rev, sha256: hex(sha256), bytes: body.length, proof };
}

/** The ops of a body that are of `revoke`. */
export function revokeOps(body: Uint8Array): RevokeOp[] {
  return decodeOps(body).filter(isRevokeOp);
}
