import { createHash } from 'node:crypto';
import type { Problem } from '@sallyport/shared/sync/edge-lane-model';
import type { ShardDigest } from '@sallyport/shared/sync/messages';

export type JoinedShard =
  | { readonly ok: true; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly problem: Problem };

/** A shard from its parts, if it is the one that the manifest promised. */
export function joinShard(
  index: number,
  parts: readonly Uint8Array[],
  expected: ShardDigest,
): JoinedShard {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  if (length !== expected.bytes) {
    return refused(`shard ${index} has ${length} bytes instead of ${expected.bytes}`);
  }
  const bytes = parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  if (!createHash('sha256').update(bytes).digest().equals(expected.sha256)) {
    return refused(`shard ${index} does not have the hash that the manifest names`);
  }
  return { ok: true, bytes };
}

function refused(detail: string): JoinedShard {
  return { ok: false, problem: { code: 'DIGEST', detail } };
}
