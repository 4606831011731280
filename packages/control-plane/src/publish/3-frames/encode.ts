import { create, toBinary } from '@bufbuild/protobuf';
import {
  HeartbeatSchema,
  laneToWire,
  positionToWire,
  ResumeMode,
  type SyncResponse,
  SyncResponseSchema,
} from '@sallyport/proto';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { Revision } from '../../store/log-connection.ts';

/** An encoded SyncResponse: made once, written to many streams. */
export type Encoded = Buffer;

export function encodeFrame(revision: Revision): Encoded {
  const { lane, epoch, prevRev, rev, body } = revision;
  return encode({
    case: 'frame',
    value: {
      $typeName: 'sallyport.v1.Frame',
      lane: laneToWire(lane),
      epoch: BigInt(epoch),
      prevRev: BigInt(prevRev),
      rev: BigInt(rev),
      body,
      keyId: '',
      signature: new Uint8Array(),
    },
  });
}

export interface ShardPart {
  readonly lane: Lane;
  readonly position: Position;
  readonly index: number;
  readonly count: number;
  readonly body: Uint8Array;
  /** Of the body. */
  readonly sha256: Uint8Array;
}

export function encodeShard(part: ShardPart): Encoded {
  return encode({
    case: 'shard',
    value: {
      $typeName: 'sallyport.v1.Shard',
      lane: laneToWire(part.lane),
      position: positionToWire(part.position),
      index: part.index,
      count: part.count,
      body: part.body,
      sha256: part.sha256,
      keyId: '',
      signature: new Uint8Array(),
    },
  });
}

const modes = {
  tail: ResumeMode.TAIL,
  shards: ResumeMode.SHARDS,
  wait: ResumeMode.WAIT,
} as const;

export function encodeResume(lane: Lane, mode: keyof typeof modes, head: Position): Encoded {
  return encode({
    case: 'resume',
    value: {
      $typeName: 'sallyport.v1.Resume',
      lane: laneToWire(lane),
      mode: modes[mode],
      head: positionToWire(head),
    },
  });
}

export function encodeHeartbeat(heartbeat: {
  readonly replica: string;
  readonly sentAtMs: number;
  readonly logAgeMs: number;
  readonly heads: ReadonlyMap<Lane, Position>;
}): Encoded {
  const { replica, sentAtMs, logAgeMs, heads } = heartbeat;
  const value = create(HeartbeatSchema, {
    replica,
    sentAtMs: BigInt(sentAtMs),
    logAgeMs: BigInt(Math.min(Math.ceil(logAgeMs), Number.MAX_SAFE_INTEGER)),
    heads: [...heads].map(([lane, head]) => ({
      lane: laneToWire(lane),
      head: positionToWire(head),
    })),
  });
  return encode({ case: 'heartbeat', value });
}

function encode(message: SyncResponse['message']): Encoded {
  const bytes = toBinary(SyncResponseSchema, create(SyncResponseSchema, { message }));
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
