import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import type { SealKey } from '@sallyport/shared/seal';

/**
 * What the state on disk is authenticated with. The keys come from the edge's local key and are
 * bound to the edge's id and to the root that it pins, so that files of another edge or of another
 * deployment do not verify, even under the same local key.
 */

const info = 'sallyport.edge.state.v1';
const keyBytes = 32;
const tagBytes = 16;

/** Bytes of an HMAC-SHA256. */
export const macBytes = 32;

export interface DiskKeys {
  /** Says whose a file is, so that a wrong one is told from a broken one. Not a secret. */
  readonly tag: Buffer;
  /** As in the key file: the first one writes, all of them read. */
  readonly keys: readonly [DiskKey, ...DiskKey[]];
}

interface DiskKey {
  readonly id: Buffer;
  readonly key: KeyObject;
}

/** Derives the keys of one edge's state from its local key. */
export function deriveDiskKeys(
  local: SealKey,
  edgeId: string,
  rootPublicKey: Uint8Array,
): DiskKeys {
  const owner = createHash('sha256').update(rootPublicKey).update(edgeId, 'utf8').digest();
  const [first, ...others] = local.keys.map(({ id, key }) => {
    const derived = hkdfSync('sha256', key, owner, info, keyBytes);
    return { id, key: createSecretKey(new Uint8Array(derived)) };
  });
  if (first === undefined) throw new Error('a key file holds at least one key');
  return { tag: owner.subarray(0, tagBytes), keys: [first, ...others] };
}

/** HMAC-SHA256 over the parts, one after the other. */
export function macOf(key: KeyObject, ...parts: readonly Uint8Array[]): Buffer {
  const mac = createHmac('sha256', key);
  for (const part of parts) mac.update(part);
  return mac.digest();
}
