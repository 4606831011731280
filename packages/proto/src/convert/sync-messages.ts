import { create } from '@bufbuild/protobuf';
import type { Position, SigningKey } from '@sallyport/shared/state/model';
import type {
  FrameMessage,
  HeartbeatMessage,
  KeysMessage,
  LaneHead,
  ManifestMessage,
  ProvisionalMessage,
  ResumeMessage,
  ResumeMode,
  ShardPart,
} from '@sallyport/shared/sync/messages';
import type {
  Lane as WireLane,
  SigningKey as WireSigningKey,
} from '../../gen/sallyport/v1/state_pb.js';
import {
  type Frame,
  type Heartbeat,
  type Manifest,
  type Provisional,
  type Resume,
  type Shard,
  type SyncResponse,
  SyncResponseSchema,
  type LaneHead as WireHead,
  type Position as WirePosition,
  ResumeMode as WireResumeMode,
} from '../../gen/sallyport/v1/sync_pb.js';
import { laneFromWire, laneToWire } from './lane.ts';
import { positionToWire } from './position.ts';

/** What a Sync stream carries downwards, also over other ways than gRPC. */
export type SyncMessage =
  | { readonly kind: 'keys'; readonly value: KeysMessage }
  | { readonly kind: 'resume'; readonly value: ResumeMessage }
  | { readonly kind: 'manifest'; readonly value: ManifestMessage }
  | { readonly kind: 'shard'; readonly value: ShardPart }
  | { readonly kind: 'frame'; readonly value: FrameMessage }
  | { readonly kind: 'heartbeat'; readonly value: HeartbeatMessage }
  | { readonly kind: 'provisional'; readonly value: ProvisionalMessage };

/** A message lacks what it must have, or holds a number that none of ours can be. */
export class MalformedMessageError extends Error {
  override readonly name = 'MalformedMessageError';
}

const modes = {
  tail: WireResumeMode.TAIL,
  shards: WireResumeMode.SHARDS,
  wait: WireResumeMode.WAIT,
  redirect: WireResumeMode.REDIRECT,
} as const satisfies Record<ResumeMode, WireResumeMode>;
const modeFromWire = new Map<WireResumeMode, ResumeMode>(
  Object.entries(modes).map(([mode, wire]) => [wire, mode as ResumeMode]),
);

/** The wire form of a message. */
export function syncResponse(message: SyncMessage): SyncResponse {
  return create(SyncResponseSchema, { message: toWire(message) });
}

type WireMessage = NonNullable<
  Exclude<Parameters<typeof create<typeof SyncResponseSchema>>[1], undefined>['message']
>;

function toWire(message: SyncMessage): WireMessage {
  switch (message.kind) {
    case 'keys':
      return { case: 'keys', value: { keys: message.value.keys.map(keyToWire) } };
    case 'resume': {
      const { lane, mode, head, forkedAt } = message.value;
      const value = {
        lane: laneToWire(lane),
        mode: modes[mode],
        ...(head === null ? {} : { head: positionToWire(head) }),
        ...(forkedAt === null ? {} : { forkedAt: positionToWire(forkedAt) }),
      };
      return { case: 'resume', value };
    }
    case 'manifest': {
      const { lane, position, shards, ...signed } = message.value;
      const placed = { lane: laneToWire(lane), position: positionToWire(position) };
      return { case: 'manifest', value: { ...signed, ...placed, shards: [...shards] } };
    }
    case 'shard': {
      const { lane, position, ...part } = message.value;
      const placed = { lane: laneToWire(lane), position: positionToWire(position) };
      return { case: 'shard', value: { ...part, ...placed } };
    }
    case 'frame': {
      const { lane, epoch, prevRev, rev, ...signed } = message.value;
      const placed = {
        lane: laneToWire(lane),
        epoch: BigInt(epoch),
        prevRev: BigInt(prevRev),
        rev: BigInt(rev),
      };
      return { case: 'frame', value: { ...signed, ...placed } };
    }
    case 'heartbeat': {
      const { replica, sentAtMs, logAgeMs, heads, keyId, signature } = message.value;
      const value = {
        replica,
        sentAtMs: BigInt(sentAtMs),
        logAgeMs: BigInt(logAgeMs),
        heads: heads.map(headToWire),
        keyId,
        signature,
      };
      return { case: 'heartbeat', value };
    }
    case 'provisional': {
      const { issuedAtMs, expiresAtMs, ...signed } = message.value;
      const times = { issuedAtMs: BigInt(issuedAtMs), expiresAtMs: BigInt(expiresAtMs) };
      return { case: 'provisional', value: { ...signed, ...times } };
    }
  }
}

/**
 * A message as it was meant; null for one of a newer protocol or of a lane that this version does
 * not know. Bytes are views into what was decoded. Throws MalformedMessageError.
 */
export function readSyncResponse({ message }: SyncResponse): SyncMessage | null {
  switch (message.case) {
    case 'keys':
      return { kind: 'keys', value: { keys: message.value.keys.map(keyFromWire) } };
    case 'resume':
      return readResume(message.value);
    case 'manifest':
      return readManifest(message.value);
    case 'shard':
      return readShard(message.value);
    case 'frame':
      return readFrame(message.value);
    case 'heartbeat':
      return { kind: 'heartbeat', value: readHeartbeat(message.value) };
    case 'provisional':
      return { kind: 'provisional', value: readProvisional(message.value) };
    case undefined:
      return null;
  }
}

function readResume(wire: Resume): SyncMessage | null {
  const lane = laneFromWire(wire.lane);
  const mode = modeFromWire.get(wire.mode);
  if (lane === null) return null;
  if (mode === undefined) throw new MalformedMessageError(`resume mode ${wire.mode}`);
  const head = optionalPosition(wire.head);
  return {
    kind: 'resume',
    value: { lane, mode, head, forkedAt: optionalPosition(wire.forkedAt) },
  };
}

function readManifest(wire: Manifest): SyncMessage | null {
  const lane = laneFromWire(wire.lane);
  if (lane === null) return null;
  const { shards, keyId, signature } = wire;
  const position = neededPosition(wire.position, 'manifest');
  return { kind: 'manifest', value: { lane, position, shards, keyId, signature } };
}

function readShard(wire: Shard): SyncMessage | null {
  const lane = laneFromWire(wire.lane);
  if (lane === null) return null;
  const { index, part, parts, body } = wire;
  const position = neededPosition(wire.position, 'shard');
  return { kind: 'shard', value: { lane, position, index, part, parts, body } };
}

function readFrame(wire: Frame): SyncMessage | null {
  const lane = laneFromWire(wire.lane);
  if (lane === null) return null;
  const { body, keyId, signature } = wire;
  const [epoch, prevRev, rev] = [whole(wire.epoch), whole(wire.prevRev), whole(wire.rev)];
  return { kind: 'frame', value: { lane, epoch, prevRev, rev, body, keyId, signature } };
}

function readHeartbeat(wire: Heartbeat): HeartbeatMessage {
  const { replica, keyId, signature } = wire;
  const [sentAtMs, logAgeMs] = [whole(wire.sentAtMs), whole(wire.logAgeMs)];
  return { replica, sentAtMs, logAgeMs, heads: wire.heads.map(headFromWire), keyId, signature };
}

function readProvisional(wire: Provisional): ProvisionalMessage {
  const { id, body, keyId, signature } = wire;
  const [issuedAtMs, expiresAtMs] = [whole(wire.issuedAtMs), whole(wire.expiresAtMs)];
  return { id, issuedAtMs, expiresAtMs, body, keyId, signature };
}

function headToWire({ lane, head, digest, digestAt }: LaneHead) {
  return {
    lane: typeof lane === 'number' ? (lane as WireLane) : laneToWire(lane),
    head: positionToWire(head),
    ...(digest === null ? {} : { digest }),
    ...(digestAt === null ? {} : { digestAt: positionToWire(digestAt) }),
  };
}

/** A head of an unknown lane stays, by its number: the signature covers it. */
function headFromWire(wire: WireHead): LaneHead {
  const lane = laneFromWire(wire.lane);
  return {
    lane: lane ?? wire.lane,
    head: neededPosition(wire.head, 'heartbeat'),
    digest: wire.digest.length === 0 ? null : wire.digest,
    digestAt: optionalPosition(wire.digestAt),
  };
}

function keyToWire({ op: _op, ...key }: SigningKey) {
  const times = { notBeforeMs: BigInt(key.notBeforeMs), notAfterMs: BigInt(key.notAfterMs) };
  return { ...key, ...times };
}

/** With bytes of its own: a key is kept long after the message. */
function keyFromWire(wire: WireSigningKey): SigningKey {
  const { keyId, purpose } = wire;
  return {
    op: 'signing_key',
    keyId,
    purpose,
    publicKey: new Uint8Array(wire.publicKey),
    notBeforeMs: whole(wire.notBeforeMs),
    notAfterMs: whole(wire.notAfterMs),
    rootSignature: new Uint8Array(wire.rootSignature),
  };
}

function optionalPosition(wire: WirePosition | undefined): Position | null {
  return wire === undefined ? null : { epoch: whole(wire.epoch), rev: whole(wire.rev) };
}

function neededPosition(wire: WirePosition | undefined, what: string): Position {
  const position = optionalPosition(wire);
  if (position === null) throw new MalformedMessageError(`a ${what} without a position`);
  return position;
}

function whole(value: bigint): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < 0) {
    throw new MalformedMessageError(`the number ${value}`);
  }
  return number;
}
