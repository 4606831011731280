import { hex } from '../../bytes.ts';
import type { Lane, Position } from '../../state/model.ts';
import type { EarlyFrame } from '../early-frames.ts';
import { createEdgeLane, type EdgeLaneStart, stepEdgeLane } from '../edge-lane.ts';
import type { EdgeLane, EdgeLaneEffect, EdgeLaneEvent, StreamPath } from '../edge-lane-model.ts';
import { laneDigestOf } from '../edge-shards.ts';
import { proofOf } from '../edge-turn.ts';
import type {
  FrameMessage,
  HeartbeatMessage,
  ManifestMessage,
  PathName,
  ResumeMode,
} from '../messages.ts';
import { bodySha256 } from '../signing.ts';
import type { Verdict } from '../verification-keys.ts';

/** A lane's machine under test, with a clock that the test sets and a short way to say events. */

export type EventBody = EdgeLaneEvent extends infer Event
  ? Event extends EdgeLaneEvent
    ? Omit<Event, 'nowMs'>
    : never
  : never;

export const shardCount = 2;
const noSignature = new Uint8Array();

export function at(rev: number, epoch = 1): Position {
  return { epoch, rev };
}

export function frame(rev: number, content = `ops ${rev}`, epoch = 1): FrameMessage {
  const body = Buffer.from(content);
  const header = { lane: 'revoke', epoch, prevRev: rev - 1, rev } as const;
  return { ...header, body, keyId: 'key', signature: noSignature };
}

/** As `enforce_early` would have left it. */
export function earlyFrame(rev: number, epoch = 1): EarlyFrame {
  const message = frame(rev, undefined, epoch);
  const sha256 = bodySha256(message.body);
  const proof = proofOf(message, sha256);
  return { epoch, rev, sha256: hex(sha256), bytes: message.body.length, proof };
}

export function shardDigest(content: string): Uint8Array {
  return bodySha256(Buffer.from(content)).subarray(0, 16);
}

/** `contents`: of the shards, in order. */
export function manifest(position: Position, contents: readonly string[]): ManifestMessage {
  const shards = contents.map((content) => ({
    digest: shardDigest(content),
    sha256: bodySha256(Buffer.from(content)),
    bytes: content.length,
    rows: 1,
  }));
  return { lane: 'revoke', position, shards, keyId: 'key', signature: noSignature };
}

export class DrivenLane {
  nowMs = 1_000_000;
  state: EdgeLane;
  effects: readonly EdgeLaneEffect[];

  constructor(start: Partial<EdgeLaneStart> & { readonly lane?: Lane } = {}) {
    const created = createEdgeLane({
      lane: 'revoke',
      shards: shardCount,
      head: at(10),
      proof: null,
      digest: null,
      mark: null,
      asOfMs: null,
      early: [],
      nowMs: this.nowMs,
      ...start,
    });
    this.state = created.state;
    this.effects = created.effects;
  }

  /** Feeds one event, and gives its effects. */
  feed(event: EventBody): readonly EdgeLaneEffect[] {
    const { state, effects } = stepEdgeLane(this.state, { ...event, nowMs: this.nowMs });
    this.state = state;
    this.effects = effects;
    return effects;
  }

  /** A stream that was resumed. */
  open(path: StreamPath = 'grpc', mode: ResumeMode = 'tail'): readonly EdgeLaneEffect[] {
    this.feed({ type: 'opened', path });
    return this.resume(mode, this.state.head ?? at(0), path);
  }

  resume(mode: ResumeMode, head: Position, path: StreamPath = 'grpc', forkedAt?: Position) {
    const resume = { lane: 'revoke', mode, head, forkedAt: forkedAt ?? null } as const;
    return this.feed({ type: 'resume', path, resume });
  }

  frame(message: FrameMessage, path: PathName = 'grpc', verdict: Verdict = 'ok') {
    const sha256 = bodySha256(message.body);
    return this.feed({ type: 'frame', path, frame: message, sha256, verdict });
  }

  /** Takes a frame, and has it applied if the machine wants it. */
  take(message: FrameMessage, path: PathName = 'grpc', digest: Uint8Array | null = null) {
    const effects = [...this.frame(message, path)];
    while (this.state.applying !== null) effects.push(...this.feed({ type: 'applied', digest }));
    this.effects = effects;
    return effects;
  }

  heartbeat(
    head: Position,
    options: {
      readonly path?: PathName;
      readonly verdict?: Verdict;
      readonly logAgeMs?: number;
      readonly sentAtMs?: number;
      readonly digest?: Uint8Array;
      readonly digestAt?: Position;
      readonly replica?: string;
    } = {},
  ) {
    const { path = 'grpc', verdict = 'ok', logAgeMs = 0, digest = null } = options;
    const heartbeat: HeartbeatMessage = {
      replica: options.replica ?? 'replica',
      sentAtMs: options.sentAtMs ?? this.nowMs,
      logAgeMs,
      heads: [{ lane: 'revoke', head, digest, digestAt: digest && (options.digestAt ?? head) }],
      keyId: 'key',
      signature: noSignature,
    };
    return this.feed({ type: 'heartbeat', path, heartbeat, verdict });
  }

  manifest(message: ManifestMessage, have: readonly string[], path: StreamPath = 'grpc') {
    const digests = have.map((content) => shardDigest(content));
    return this.feed({ type: 'manifest', path, manifest: message, verdict: 'ok', have: digests });
  }

  part(position: Position, index: number, content: string, path: StreamPath = 'grpc') {
    const body = Buffer.from(content);
    const part = { lane: 'revoke', position, index, part: 0, parts: 1, body } as const;
    return this.feed({ type: 'part', path, part });
  }

  /** The rows are in the tables. */
  swapped(contents: readonly string[]) {
    const digest = laneDigestOf(contents.map((content) => shardDigest(content)));
    return this.feed({ type: 'swapped', digest });
  }

  /** Lets time pass in ticks, and gives all effects of them. `unread`: streams not read meanwhile. */
  wait(ms: number, unread: readonly StreamPath[] = []): EdgeLaneEffect[] {
    const effects: EdgeLaneEffect[] = [];
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs = Math.min(untilMs, this.nowMs + 250);
      effects.push(...this.feed({ type: 'tick', missedMs: 0, unread }));
    }
    return effects;
  }
}

/** The effects of one kind. */
export function only<Type extends EdgeLaneEffect['type']>(
  effects: readonly EdgeLaneEffect[],
  type: Type,
): Extract<EdgeLaneEffect, { type: Type }>[] {
  return effects.filter((one): one is Extract<EdgeLaneEffect, { type: Type }> => one.type === type);
}

/** The names of the alarms among effects. */
export function alarms(effects: readonly EdgeLaneEffect[]): string[] {
  return only(effects, 'alarm').map(({ name }) => name);
}
