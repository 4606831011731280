import { create } from '@bufbuild/protobuf';
import {
  AckStage,
  type Frame,
  type Heartbeat,
  laneFromWire,
  laneToWire,
  NackCode,
  positionFromWire,
  positionToWire,
  type Resume,
  type Shard,
  type SyncRequest,
  SyncRequestSchema,
  ResumeMode as WireResumeMode,
} from '@sallyport/proto';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Stage } from '../../worker/distributor.ts';
import type { Refusal, RefusalCode } from './admit-rows.ts';
import type { FrameMessage, ResumeMode, ShardMessage } from './lane-tracker.ts';

/** Wire messages of the stream, to and from what the edge works with. */

const protocolVersion = 1;

export interface HelloFields {
  readonly softwareVersion: string;
  readonly region: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly have: readonly { readonly lane: Lane; readonly position: Position | null }[];
}

export function helloMessage(hello: HelloFields): SyncRequest {
  return create(SyncRequestSchema, {
    message: {
      case: 'hello',
      value: {
        protocol: protocolVersion,
        softwareVersion: hello.softwareVersion,
        region: hello.region,
        labels: hello.labels,
        have: hello.have.map(({ lane, position }) => ({
          lane: laneToWire(lane),
          ...(position === null ? {} : { position: positionToWire(position) }),
        })),
      },
    },
  });
}

const stages = {
  applied: AckStage.APPLIED,
  enforced: AckStage.ENFORCED,
} as const satisfies Record<Stage, AckStage>;

export function ackMessage(
  lane: Lane,
  position: Position,
  stage: Stage,
  tookMs: number,
): SyncRequest {
  const value = {
    lane: laneToWire(lane),
    position: positionToWire(position),
    stage: stages[stage],
    tookUs: BigInt(Math.max(0, Math.round(tookMs * 1000))),
  };
  return create(SyncRequestSchema, { message: { case: 'ack', value } });
}

const detailCharactersMax = 1_000;

export function nackMessage(lane: Lane, position: Position, refusal: Refusal): SyncRequest {
  const value = {
    lane: laneToWire(lane),
    position: positionToWire(position),
    code: nackCodes[refusal.code],
    detail: refusal.detail.slice(0, detailCharactersMax),
  };
  return create(SyncRequestSchema, { message: { case: 'nack', value } });
}

const nackCodes = {
  SIGNATURE: NackCode.SIGNATURE,
  SCHEMA: NackCode.SCHEMA,
  LIMIT: NackCode.LIMIT,
  COMPILE: NackCode.COMPILE,
  DEPENDENCY: NackCode.DEPENDENCY,
  DIGEST: NackCode.DIGEST,
  INTERNAL: NackCode.INTERNAL,
} as const satisfies Record<RefusalCode, NackCode>;

const resumeModes = new Map<WireResumeMode, ResumeMode>([
  [WireResumeMode.TAIL, 'tail'],
  [WireResumeMode.SHARDS, 'shards'],
  [WireResumeMode.WAIT, 'wait'],
  [WireResumeMode.REDIRECT, 'redirect'],
]);

/** null: a mode of a newer protocol. */
export function readResume(
  resume: Resume,
): { readonly mode: ResumeMode; readonly head: Position | null } | null {
  const mode = resumeModes.get(resume.mode);
  return mode === undefined ? null : { mode, head: positionFromWire(resume.head) };
}

/** null: a shard without a position. */
export function readShard(shard: Shard): ShardMessage | null {
  const position = positionFromWire(shard.position);
  if (position === null) return null;
  const { index, count, body, sha256 } = shard;
  return { position, index, count, body, sha256 };
}

export function readFrame(frame: Frame): FrameMessage {
  return {
    epoch: Number(frame.epoch),
    prevRev: Number(frame.prevRev),
    rev: Number(frame.rev),
    body: frame.body,
  };
}

export function readHeads(
  heartbeat: Heartbeat,
): readonly { readonly lane: Lane; readonly head: Position }[] {
  return heartbeat.heads.flatMap((entry) => {
    const lane = laneFromWire(entry.lane);
    const head = positionFromWire(entry.head);
    return lane === null || head === null ? [] : [{ lane, head }];
  });
}
