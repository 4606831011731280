import type { EmploymentFacts, PostureFact } from '@sallyport/policy';

/** Domain form of what travels in the lanes; proto/src/convert maps it to the wire and back. */

/** In the order in which their heads are locked. */
export const lanes = ['revoke', 'signals', 'config', 'directory'] as const;
export type Lane = (typeof lanes)[number];

/** A place in a lane's history. Positions of different epochs cannot be compared. */
export interface Position {
  readonly epoch: number;
  readonly rev: number;
}

export type GenerationScope = 'global' | 'user' | 'device';
export type BlockKind = 'everyone' | 'user' | 'device' | 'certificate' | 'service' | 'edge';

export interface Generation {
  readonly op: 'generation';
  readonly scope: GenerationScope;
  /** User or device id; empty for the global one. */
  readonly subjectId: string;
  readonly value: number;
}

export interface EndedSession {
  readonly op: 'ended_session';
  readonly sid: string;
  /** From then on no statement of the session is valid anyway. */
  readonly expiresAtMs: number;
}

export interface Block {
  readonly op: 'block';
  readonly revocationId: string;
  readonly kind: BlockKind;
  /** Id, or certificate SHA-256 in lower-case hex; empty for everyone. */
  readonly subjectId: string;
  /** null: until lifted. */
  readonly expiresAtMs: number | null;
}

/** Also takes away a block whose time has passed: rows leave the state by name alone. */
export interface LiftedBlock {
  readonly op: 'lifted_block';
  readonly revocationId: string;
  readonly kind: BlockKind;
  readonly subjectId: string;
}

/** No statement of the session can be valid any more. */
export interface ForgottenSession {
  readonly op: 'forgotten_session';
  readonly sid: string;
}

export interface PutBundle {
  readonly op: 'bundle';
  readonly version: number;
  readonly sha256: Uint8Array;
  /** Canonical JSON of a `ConfigurationSet` (configuration/documents.ts). */
  readonly documentsJson: Uint8Array;
}

export interface DeletedBundle {
  readonly op: 'deleted_bundle';
  readonly version: number;
}

export interface Release {
  readonly op: 'release';
  readonly ring: string;
  readonly version: number;
  /** Decided besides, without effect; null: none. */
  readonly shadowVersion: number | null;
}

export interface EdgeKeys {
  readonly op: 'edge_keys';
  readonly edgeId: string;
  readonly region: string;
  /** Public JWKs as JSON text. */
  readonly assertionJwks: readonly string[];
}

export interface DeletedEdge {
  readonly op: 'deleted_edge';
  readonly edgeId: string;
}

export interface SigningKey {
  readonly op: 'signing_key';
  readonly keyId: string;
  readonly purpose: string;
  /** Raw Ed25519 public key, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly rootSignature: Uint8Array;
}

export interface DeletedSigningKey {
  readonly op: 'deleted_signing_key';
  readonly keyId: string;
}

export type SignalSubject = 'user' | 'device' | 'session';

/** One thing that was noticed of a subject; a later one of the same name takes its place. */
export interface Signal {
  readonly op: 'signal';
  readonly subject: SignalSubject;
  readonly subjectId: string;
  /** a to z, 0 to 9 and hyphens, 32 characters at the most. */
  readonly name: string;
  /** 256 bytes of UTF-8 at the most. */
  readonly value: string;
  readonly observedAtMs: number;
  readonly expiresAtMs: number;
}

export interface DeletedSignal {
  readonly op: 'deleted_signal';
  readonly subject: SignalSubject;
  readonly subjectId: string;
  readonly name: string;
}

export interface SecretRef {
  readonly op: 'secret_ref';
  readonly id: string;
  readonly version: number;
  readonly sha256: Uint8Array;
}

export interface DeletedSecret {
  readonly op: 'deleted_secret';
  readonly id: string;
}

export interface User {
  readonly op: 'user';
  readonly id: string;
  readonly email: string;
  readonly displayName: string;
  readonly status: 'active' | 'suspended';
  /** Group names, sorted. */
  readonly groups: readonly string[];
  /** null: not known. */
  readonly employment: EmploymentFacts | null;
}

export interface DeletedUser {
  readonly op: 'deleted_user';
  readonly id: string;
}

export interface Device {
  readonly op: 'device';
  readonly id: string;
  readonly name: string;
  readonly managed: boolean;
  readonly ownerUserId: string | null;
  /** What was last observed of it, by name in ascending order, each name once. */
  readonly posture: readonly PostureFact[];
}

export interface DeletedDevice {
  readonly op: 'deleted_device';
  readonly id: string;
}

export interface DeviceCertificate {
  readonly op: 'device_certificate';
  /** Of the DER, lower-case hex. */
  readonly sha256: string;
  readonly deviceId: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface DeletedDeviceCertificate {
  readonly op: 'deleted_device_certificate';
  readonly sha256: string;
}

export type RevokeOp = Generation | EndedSession | ForgottenSession | Block | LiftedBlock;
export type SignalOp = Signal | DeletedSignal;
export type ConfigOp =
  | PutBundle
  | DeletedBundle
  | Release
  | EdgeKeys
  | DeletedEdge
  | SigningKey
  | DeletedSigningKey
  | SecretRef
  | DeletedSecret;
export type DirectoryOp =
  | User
  | DeletedUser
  | Device
  | DeletedDevice
  | DeviceCertificate
  | DeletedDeviceCertificate;
/** One explicit change of one row. Applying it twice gives the same row. */
export type StateOp = RevokeOp | SignalOp | ConfigOp | DirectoryOp;
