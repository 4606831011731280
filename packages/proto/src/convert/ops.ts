import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import type {
  BlockKind,
  GenerationScope,
  SignalSubject,
  StateOp,
} from '@sallyport/shared/state/model';
import {
  type Op,
  type OpSchema,
  OpsSchema,
  UserStatus,
  BlockKind as WireBlockKind,
  GenerationScope as WireGenerationScope,
  SignalSubject as WireSignalSubject,
} from '../../gen/sallyport/v1/state_pb.js';
import {
  employmentFromWire,
  employmentToWire,
  postureFromWire,
  postureToWire,
} from './directory-facts.ts';
import { known, UnreadableOpsError } from './unreadable.ts';

export { UnreadableOpsError } from './unreadable.ts';

/** Encodes ops as the body of a frame or shard. The same ops give the same bytes. */
export function opsToBytes(ops: readonly StateOp[]): Uint8Array {
  return toBinary(OpsSchema, create(OpsSchema, { ops: ops.map((op) => ({ op: toWire(op) })) }));
}

/**
 * Decodes the body of a frame or shard. Throws UnreadableOpsError for broken bytes and for an op or
 * an enum value that this version does not know: state that is half understood is never applied.
 */
export function opsFromBytes(bytes: Uint8Array): StateOp[] {
  let ops: Op[];
  try {
    ops = fromBinary(OpsSchema, bytes).ops;
  } catch (cause) {
    throw new UnreadableOpsError('the body is not an Ops message', { cause });
  }
  return ops.map(fromWire);
}

type WireOp = NonNullable<MessageInitShape<typeof OpSchema>['op']>;

const scopes = {
  global: WireGenerationScope.GLOBAL,
  user: WireGenerationScope.USER,
  device: WireGenerationScope.DEVICE,
} as const satisfies Record<GenerationScope, WireGenerationScope>;

const blockKinds = {
  everyone: WireBlockKind.EVERYONE,
  user: WireBlockKind.USER,
  device: WireBlockKind.DEVICE,
  certificate: WireBlockKind.CERTIFICATE,
  service: WireBlockKind.SERVICE,
  edge: WireBlockKind.EDGE,
} as const satisfies Record<BlockKind, WireBlockKind>;

const signalSubjects = {
  user: WireSignalSubject.USER,
  device: WireSignalSubject.DEVICE,
  session: WireSignalSubject.SESSION,
} as const satisfies Record<SignalSubject, WireSignalSubject>;

const statuses = {
  active: UserStatus.ACTIVE,
  suspended: UserStatus.SUSPENDED,
} as const satisfies Record<'active' | 'suspended', UserStatus>;

function toWire(op: StateOp): WireOp {
  switch (op.op) {
    case 'generation':
      return {
        case: 'generation',
        value: { scope: scopes[op.scope], subjectId: op.subjectId, value: BigInt(op.value) },
      };
    case 'ended_session':
      return {
        case: 'endedSession',
        value: { sid: op.sid, expiresAtMs: BigInt(op.expiresAtMs) },
      };
    case 'block':
      return {
        case: 'block',
        value: {
          revocationId: op.revocationId,
          kind: blockKinds[op.kind],
          subjectId: op.subjectId,
          expiresAtMs: BigInt(op.expiresAtMs ?? 0),
        },
      };
    case 'lifted_block':
      return {
        case: 'liftedBlock',
        value: {
          revocationId: op.revocationId,
          kind: blockKinds[op.kind],
          subjectId: op.subjectId,
        },
      };
    case 'forgotten_session':
      return { case: 'forgottenSession', value: { sid: op.sid } };
    case 'signal':
      return {
        case: 'signal',
        value: {
          subject: signalSubjects[op.subject],
          subjectId: op.subjectId,
          name: op.name,
          value: op.value,
          observedAtMs: BigInt(op.observedAtMs),
          expiresAtMs: BigInt(op.expiresAtMs),
        },
      };
    case 'deleted_signal':
      return {
        case: 'deletedSignal',
        value: {
          subject: signalSubjects[op.subject],
          subjectId: op.subjectId,
          name: op.name,
        },
      };
    case 'bundle':
      return {
        case: 'bundle',
        value: {
          version: BigInt(op.version),
          sha256: op.sha256,
          documentsJson: op.documentsJson,
        },
      };
    case 'deleted_bundle':
      return { case: 'deletedBundle', value: { version: BigInt(op.version) } };
    case 'deleted_signing_key':
      return { case: 'deletedSigningKey', value: { keyId: op.keyId } };
    case 'release':
      return {
        case: 'release',
        value: {
          ring: op.ring,
          version: BigInt(op.version),
          shadowVersion: BigInt(op.shadowVersion ?? 0),
        },
      };
    case 'edge_keys':
      return {
        case: 'edgeKeys',
        value: { edgeId: op.edgeId, region: op.region, assertionJwks: [...op.assertionJwks] },
      };
    case 'deleted_edge':
      return { case: 'deletedEdge', value: { edgeId: op.edgeId } };
    case 'signing_key':
      return {
        case: 'signingKey',
        value: {
          keyId: op.keyId,
          purpose: op.purpose,
          publicKey: op.publicKey,
          notBeforeMs: BigInt(op.notBeforeMs),
          notAfterMs: BigInt(op.notAfterMs),
          rootSignature: op.rootSignature,
        },
      };
    case 'secret_ref':
      return {
        case: 'secretRef',
        value: { id: op.id, version: BigInt(op.version), sha256: op.sha256 },
      };
    case 'deleted_secret':
      return { case: 'deletedSecret', value: { id: op.id } };
    case 'user':
      return {
        case: 'user',
        value: {
          id: op.id,
          email: op.email,
          displayName: op.displayName,
          status: statuses[op.status],
          groups: [...op.groups],
          ...(op.employment === null ? {} : { employment: employmentToWire(op.employment) }),
        },
      };
    case 'deleted_user':
      return { case: 'deletedUser', value: { id: op.id } };
    case 'device':
      return {
        case: 'device',
        value: {
          id: op.id,
          name: op.name,
          managed: op.managed,
          ownerUserId: op.ownerUserId ?? '',
          posture: op.posture.map(postureToWire),
        },
      };
    case 'deleted_device':
      return { case: 'deletedDevice', value: { id: op.id } };
    case 'device_certificate':
      return {
        case: 'deviceCertificate',
        value: {
          sha256: Buffer.from(op.sha256, 'hex'),
          deviceId: op.deviceId,
          notBeforeMs: BigInt(op.notBeforeMs),
          notAfterMs: BigInt(op.notAfterMs),
        },
      };
    case 'deleted_device_certificate':
      return {
        case: 'deletedDeviceCertificate',
        value: { sha256: Buffer.from(op.sha256, 'hex') },
      };
  }
}

function fromWire({ op }: Op): StateOp {
  switch (op.case) {
    case 'generation':
      return {
        op: 'generation',
        scope: known(scopes, op.value.scope, 'generation scope'),
        subjectId: op.value.subjectId,
        value: Number(op.value.value),
      };
    case 'endedSession':
      return {
        op: 'ended_session',
        sid: op.value.sid,
        expiresAtMs: Number(op.value.expiresAtMs),
      };
    case 'block':
      return {
        op: 'block',
        revocationId: op.value.revocationId,
        kind: known(blockKinds, op.value.kind, 'block kind'),
        subjectId: op.value.subjectId,
        expiresAtMs: op.value.expiresAtMs === 0n ? null : Number(op.value.expiresAtMs),
      };
    case 'liftedBlock':
      return {
        op: 'lifted_block',
        revocationId: op.value.revocationId,
        kind: known(blockKinds, op.value.kind, 'block kind'),
        subjectId: op.value.subjectId,
      };
    case 'forgottenSession':
      return { op: 'forgotten_session', sid: op.value.sid };
    case 'signal':
      return {
        op: 'signal',
        subject: known(signalSubjects, op.value.subject, 'signal subject'),
        subjectId: op.value.subjectId,
        name: op.value.name,
        value: op.value.value,
        observedAtMs: Number(op.value.observedAtMs),
        expiresAtMs: Number(op.value.expiresAtMs),
      };
    case 'deletedSignal':
      return {
        op: 'deleted_signal',
        subject: known(signalSubjects, op.value.subject, 'signal subject'),
        subjectId: op.value.subjectId,
        name: op.value.name,
      };
    case 'bundle':
      return {
        op: 'bundle',
        version: Number(op.value.version),
        sha256: op.value.sha256,
        documentsJson: op.value.documentsJson,
      };
    case 'deletedBundle':
      return { op: 'deleted_bundle', version: Number(op.value.version) };
    case 'deletedSigningKey':
      return { op: 'deleted_signing_key', keyId: op.value.keyId };
    case 'release':
      return {
        op: 'release',
        ring: op.value.ring,
        version: Number(op.value.version),
        shadowVersion: op.value.shadowVersion === 0n ? null : Number(op.value.shadowVersion),
      };
    case 'edgeKeys':
      return {
        op: 'edge_keys',
        edgeId: op.value.edgeId,
        region: op.value.region,
        assertionJwks: op.value.assertionJwks,
      };
    case 'deletedEdge':
      return { op: 'deleted_edge', edgeId: op.value.edgeId };
    case 'signingKey':
      return {
        op: 'signing_key',
        keyId: op.value.keyId,
        purpose: op.value.purpose,
        publicKey: op.value.publicKey,
        notBeforeMs: Number(op.value.notBeforeMs),
        notAfterMs: Number(op.value.notAfterMs),
        rootSignature: op.value.rootSignature,
      };
    case 'secretRef':
      return {
        op: 'secret_ref',
        id: op.value.id,
        version: Number(op.value.version),
        sha256: op.value.sha256,
      };
    case 'deletedSecret':
      return { op: 'deleted_secret', id: op.value.id };
    case 'user':
      return {
        op: 'user',
        id: op.value.id,
        email: op.value.email,
        displayName: op.value.displayName,
        status: known(statuses, op.value.status, 'user status'),
        groups: op.value.groups,
        employment: employmentFromWire(op.value.employment),
      };
    case 'deletedUser':
      return { op: 'deleted_user', id: op.value.id };
    case 'device':
      return {
        op: 'device',
        id: op.value.id,
        name: op.value.name,
        managed: op.value.managed,
        ownerUserId: op.value.ownerUserId === '' ? null : op.value.ownerUserId,
        posture: op.value.posture.map(postureFromWire),
      };
    case 'deletedDevice':
      return { op: 'deleted_device', id: op.value.id };
    case 'deviceCertificate':
      return {
        op: 'device_certificate',
        sha256: hex(op.value.sha256),
        deviceId: op.value.deviceId,
        notBeforeMs: Number(op.value.notBeforeMs),
        notAfterMs: Number(op.value.notAfterMs),
      };
    case 'deletedDeviceCertificate':
      return { op: 'deleted_device_certificate', sha256: hex(op.value.sha256) };
    case undefined:
      throw new UnreadableOpsError('an op of a kind this version does not know');
  }
}

function hex(bytes: Uint8Array): string {
  if (bytes.length !== 32) throw new UnreadableOpsError('a SHA-256 that is not 32 bytes long');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}
