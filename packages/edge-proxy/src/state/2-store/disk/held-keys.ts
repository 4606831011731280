import { opsFromBytes, opsToBytes } from '@sallyport/proto';
import type { SigningKey } from '@sallyport/shared/state/model';

/** Signing keys of the control plane, as an edge keeps them. */
export interface HeldKeys {
  readonly believed: readonly SigningKey[];
  /** Before their end; they must not be believed again. */
  readonly withdrawn: readonly SigningKey[];
}

export const noKeys: HeldKeys = { believed: [], withdrawn: [] };

/** As ops in their order: a key that was withdrawn is put, and taken out after all others. */
export function encodeKeys(
  believed: readonly SigningKey[],
  withdrawn: readonly SigningKey[],
): Uint8Array {
  const gone = withdrawn.map(({ keyId }) => ({ op: 'deleted_signing_key', keyId }) as const);
  return opsToBytes([...believed, ...withdrawn, ...gone]);
}

/** Throws UnreadableOpsError. The keys point into the bytes. */
export function decodeKeys(bytes: Uint8Array): HeldKeys {
  const ops = opsFromBytes(bytes);
  const gone = new Set(
    ops.filter((op) => op.op === 'deleted_signing_key').map(({ keyId }) => keyId),
  );
  const keys = ops.filter((op) => op.op === 'signing_key');
  return {
    believed: keys.filter(({ keyId }) => !gone.has(keyId)),
    withdrawn: keys.filter(({ keyId }) => gone.has(keyId)),
  };
}
