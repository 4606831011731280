import { createHash } from 'node:crypto';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { samePosition } from '../position.ts';

/**
 * What one lane of a stream has taken so far, and what the next message means for it. Pure: every
 * step gives the next value. It decides about positions only; what is in the bodies is judged by
 * admission.
 */
export interface LaneTracker {
  readonly lane: Lane;
  /** Everything up to here has been taken; null: nothing yet. */
  readonly head: Position | null;
  readonly phase: Phase;
  /** SHA-256 of the last frames by revision, so that a replay can be told from a fork. */
  readonly recent: readonly { readonly position: Position; readonly sha256: string }[];
  /** Heartbeats in a row that spoke of a head we do not have. */
  readonly beatsBehind: number;
}

type Phase =
  /** Hello is sent, Resume has not come. */
  | { readonly kind: 'greeting' }
  | { readonly kind: 'tail' }
  | {
      readonly kind: 'shards';
      readonly position: Position;
      readonly bodies: readonly Uint8Array[];
      readonly bytes: number;
    };

export type ResyncReason =
  | 'gap'
  | 'epoch'
  | 'fork'
  | 'rollback'
  | 'lost_tail'
  | 'unexpected'
  | 'refused'
  | 'redirect';

export type Step =
  | { readonly action: 'none' }
  /** These ops are next. */
  | { readonly action: 'frame'; readonly position: Position; readonly body: Uint8Array }
  /** The whole state is here, in order. */
  | {
      readonly action: 'shards';
      readonly position: Position;
      readonly bodies: readonly Uint8Array[];
    }
  /** Had it before, the same bytes. */
  | { readonly action: 'replay'; readonly position: Position }
  /** The replica is behind this edge: keep what we have. */
  | { readonly action: 'wait' }
  | {
      readonly action: 'refuse';
      readonly position: Position;
      readonly code: 'DIGEST' | 'LIMIT';
      readonly detail: string;
    }
  /** Connect again; `fresh`: ask for the whole state. */
  | { readonly action: 'resync'; readonly reason: ResyncReason; readonly fresh: boolean };

export interface Stepped {
  readonly tracker: LaneTracker;
  readonly step: Step;
}

const recentMax = 64;
/** A replica that reads a backlog from its log may be this slow without anything being lost. */
const beatsBehindMax = 5;
const shardCountMax = 4_096;
const shardBytesMax = 1_073_741_824;

/** A tracker for a new stream; `head` is what Hello says that we have. */
export function startTracker(lane: Lane, head: Position | null): LaneTracker {
  return { lane, head, phase: { kind: 'greeting' }, recent: [], beatsBehind: 0 };
}

export type ResumeMode = 'tail' | 'shards' | 'wait' | 'redirect';

export function onResume(tracker: LaneTracker, mode: ResumeMode, head: Position | null): Stepped {
  switch (mode) {
    case 'tail':
      if (tracker.head === null) return resync(tracker, 'unexpected', true);
      if (head !== null && head.epoch !== tracker.head.epoch) return resync(tracker, 'epoch', true);
      return { tracker: { ...tracker, phase: { kind: 'tail' } }, step: { action: 'none' } };
    case 'shards':
      if (head === null) return resync(tracker, 'unexpected', true);
      return {
        tracker: { ...tracker, phase: { kind: 'shards', position: head, bodies: [], bytes: 0 } },
        step: { action: 'none' },
      };
    case 'wait':
      return { tracker: { ...tracker, phase: { kind: 'tail' } }, step: { action: 'wait' } };
    case 'redirect':
      return resync(tracker, 'redirect', false);
  }
}

export interface ShardMessage {
  readonly position: Position;
  readonly index: number;
  readonly count: number;
  readonly body: Uint8Array;
  readonly sha256: Uint8Array;
}

/** Shards of a lane come in order of their index, all of one position. */
export function onShard(tracker: LaneTracker, shard: ShardMessage): Stepped {
  const { phase } = tracker;
  if (phase.kind !== 'shards') return resync(tracker, 'unexpected', false);
  const { position } = shard;
  const bytes = phase.bytes + shard.body.length;
  const problem = shardProblem(shard, bytes);
  if (problem !== null) return { tracker, step: { action: 'refuse', position, ...problem } };
  // The snapshot may have been taken after Resume was answered: the position of its shards counts.
  const sameSet = phase.bodies.length === 0 || samePosition(phase.position, position);
  if (!sameSet || shard.index !== phase.bodies.length) return resync(tracker, 'unexpected', true);
  const bodies = [...phase.bodies, shard.body];
  if (bodies.length < shard.count) {
    const next: Phase = { kind: 'shards', position, bodies, bytes };
    return { tracker: { ...tracker, phase: next }, step: { action: 'none' } };
  }
  return {
    tracker: { ...tracker, head: position, phase: { kind: 'tail' }, recent: [], beatsBehind: 0 },
    step: { action: 'shards', position, bodies },
  };
}

export interface FrameMessage {
  readonly epoch: number;
  readonly prevRev: number;
  readonly rev: number;
  readonly body: Uint8Array;
}

export function onFrame(tracker: LaneTracker, frame: FrameMessage): Stepped {
  const { head } = tracker;
  if (tracker.phase.kind !== 'tail' || head === null) return resync(tracker, 'unexpected', false);
  if (frame.epoch !== head.epoch) return resync(tracker, 'epoch', true);
  const position = { epoch: frame.epoch, rev: frame.rev };
  const sha256 = createHash('sha256').update(frame.body).digest('hex');
  if (frame.rev <= head.rev) return onOldFrame(tracker, position, sha256);
  if (frame.prevRev !== head.rev) return resync(tracker, 'gap', false);
  const recent = [...tracker.recent.slice(1 - recentMax), { position, sha256 }];
  return {
    tracker: { ...tracker, head: position, recent, beatsBehind: 0 },
    step: { action: 'frame', position, body: frame.body },
  };
}

/**
 * A heartbeat names the replica's head after everything that it has sent. A head of which we have
 * heard nothing for several heartbeats means that the tail got lost; one behind ours within the
 * epoch means that the replica has been rolled back.
 */
export function onHeartbeatHead(tracker: LaneTracker, head: Position): Stepped {
  const { head: ours, phase } = tracker;
  if (phase.kind !== 'tail' || ours === null) return { tracker, step: { action: 'none' } };
  if (samePosition(ours, head)) {
    return { tracker: { ...tracker, beatsBehind: 0 }, step: { action: 'none' } };
  }
  if (head.epoch === ours.epoch && head.rev < ours.rev) {
    return { tracker, step: { action: 'wait' } };
  }
  const beatsBehind = tracker.beatsBehind + 1;
  if (beatsBehind >= beatsBehindMax) return resync(tracker, 'lost_tail', false);
  return { tracker: { ...tracker, beatsBehind }, step: { action: 'none' } };
}

function onOldFrame(tracker: LaneTracker, position: Position, sha256: string): Stepped {
  const known = tracker.recent.find((frame) => samePosition(frame.position, position));
  if (known !== undefined && known.sha256 !== sha256) return resync(tracker, 'fork', true);
  return { tracker, step: { action: 'replay', position } };
}

function shardProblem(
  shard: ShardMessage,
  bytes: number,
): { readonly code: 'DIGEST' | 'LIMIT'; readonly detail: string } | null {
  if (shard.count < 1 || shard.count > shardCountMax || bytes > shardBytesMax) {
    return { code: 'LIMIT', detail: `${shard.count} shards, ${bytes} bytes so far` };
  }
  const digest = createHash('sha256').update(shard.body).digest();
  if (digest.equals(shard.sha256)) return null;
  return { code: 'DIGEST', detail: `shard ${shard.index} does not have the hash it says` };
}

function resync(tracker: LaneTracker, reason: ResyncReason, fresh: boolean): Stepped {
  return { tracker, step: { action: 'resync', reason, fresh } };
}
