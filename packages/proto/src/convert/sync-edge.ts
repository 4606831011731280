import { create } from '@bufbuild/protobuf';
import type { Position } from '@sallyport/shared/state/model';
import type {
  FetchMessage,
  FrameProof,
  LanePosition,
  NackCode,
  NackMessage,
  PathName,
} from '@sallyport/shared/sync/messages';
import {
  FetchSchema,
  LanePositionSchema,
  NackSchema,
  StatePath,
  type Fetch as WireFetch,
  type FrameProof as WireFrameProof,
  type LanePosition as WireLanePosition,
  type Nack as WireNack,
  NackCode as WireNackCode,
  type Position as WirePosition,
} from '../../gen/sallyport/v1/sync_pb.js';
import { laneFromWire, laneToWire } from './lane.ts';
import { positionFromWire, positionToWire } from './position.ts';

/**
 * Wire and domain form of what an edge says. From the wire, null: of a lane of a newer protocol, or
 * without a position that can be one.
 */

const paths = {
  grpc: StatePath.GRPC,
  standby: StatePath.STANDBY,
  nats: StatePath.NATS,
  disk: StatePath.DISK,
} as const satisfies Record<PathName, StatePath>;

export function pathToWire(path: PathName): StatePath {
  return paths[path];
}

/** null: not said, or a way that this version does not know. */
export function pathFromWire(wire: StatePath): PathName | null {
  for (const name of Object.keys(paths) as PathName[]) if (paths[name] === wire) return name;
  return null;
}

const nackCodes = {
  SIGNATURE: WireNackCode.SIGNATURE,
  SCHEMA: WireNackCode.SCHEMA,
  LIMIT: WireNackCode.LIMIT,
  COMPILE: WireNackCode.COMPILE,
  DEPENDENCY: WireNackCode.DEPENDENCY,
  DIGEST: WireNackCode.DIGEST,
  INTERNAL: WireNackCode.INTERNAL,
} as const satisfies Record<NackCode, WireNackCode>;

export function nackToWire(nack: NackMessage): WireNack {
  return create(NackSchema, {
    lane: laneToWire(nack.lane),
    position: positionToWire(nack.position),
    code: nackCodes[nack.code],
    detail: nack.detail,
    refusedSha256: nack.refusedSha256,
  });
}

/** A code that is unknown here is INTERNAL. */
export function nackFromWire(wire: WireNack): NackMessage | null {
  const lane = laneFromWire(wire.lane);
  const position = saidPosition(wire.position);
  if (lane === null || position === null) return null;
  const names = Object.keys(nackCodes) as NackCode[];
  const code = names.find((name) => nackCodes[name] === wire.code) ?? 'INTERNAL';
  return { lane, position, code, detail: wire.detail, refusedSha256: wire.refusedSha256 };
}

export function fetchToWire(fetch: FetchMessage): WireFetch {
  return create(FetchSchema, {
    lane: laneToWire(fetch.lane),
    position: positionToWire(fetch.position),
    shards: [...fetch.shards],
  });
}

export function fetchFromWire(wire: WireFetch): FetchMessage | null {
  const lane = laneFromWire(wire.lane);
  const position = saidPosition(wire.position);
  if (lane === null || position === null) return null;
  return { lane, position, shards: wire.shards };
}

export function lanePositionToWire(have: LanePosition): WireLanePosition {
  const { lane, position, proof, headProof } = have;
  return create(LanePositionSchema, {
    lane: laneToWire(lane),
    ...(position === null ? {} : { position: positionToWire(position) }),
    ...(proof === null ? {} : { proof: proofToWire(proof) }),
    ...(headProof === null ? {} : { headProof: proofToWire(headProof) }),
  });
}

function proofToWire(proof: FrameProof) {
  const { epoch, prevRev, rev } = proof;
  return { ...proof, epoch: BigInt(epoch), prevRev: BigInt(prevRev), rev: BigInt(rev) };
}

/** A position that cannot be one counts as none: the answer is the whole state. */
export function lanePositionFromWire(wire: WireLanePosition): LanePosition | null {
  const lane = laneFromWire(wire.lane);
  if (lane === null) return null;
  return {
    lane,
    position: saidPosition(wire.position),
    proof: proofFromWire(wire.proof),
    headProof: proofFromWire(wire.headProof),
  };
}

function proofFromWire(wire: WireFrameProof | undefined): FrameProof | null {
  if (wire === undefined) return null;
  const [epoch, prevRev, rev] = [Number(wire.epoch), Number(wire.prevRev), Number(wire.rev)];
  if (![epoch, prevRev, rev].every(Number.isSafeInteger)) return null;
  const { bodySha256, keyId, signature } = wire;
  return { epoch, prevRev, rev, bodySha256, keyId, signature };
}

function saidPosition(wire: WirePosition | undefined): Position | null {
  const position = positionFromWire(wire);
  if (position === null) return null;
  return Number.isSafeInteger(position.epoch) && Number.isSafeInteger(position.rev)
    ? position
    : null;
}
