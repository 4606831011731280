import { open, type SealKey } from '@sallyport/shared/seal';
import { signingPurposes } from '@sallyport/shared/sync/signing';
import { type SigningKeyPair, signingKeyPair } from '@sallyport/shared/sync/signing-keys';
import { and, asc, gt, inArray, isNull } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { signingKeyContext, signingKeyOp } from './keys.ts';
import { signingKeys } from './schema/index.ts';

/** A key of a lane or of heartbeats, with both halves. */
export type SyncKey = SigningKeyPair;

/**
 * The keys of lanes and heartbeats that hold now or will hold, none withdrawn, by key id. They change when a
 * `signing_key` or `deleted_signing_key` comes by in the `config` lane. Throws SallyportError
 * `sealed_value_unreadable` where the key file is another one.
 */
export async function loadSyncKeys(
  db: Executor,
  sealKey: SealKey,
  nowMs: number,
): Promise<SyncKey[]> {
  const rows = await db
    .select()
    .from(signingKeys)
    .where(
      and(
        inArray(signingKeys.purpose, [...signingPurposes]),
        gt(signingKeys.notAfterMs, nowMs),
        isNull(signingKeys.withdrawnAtMs),
      ),
    )
    .orderBy(asc(signingKeys.keyId));
  return rows.flatMap((row) => {
    const key = signingKeyOp(row);
    if (key === null) return [];
    const pem = open(sealKey, row.sealedPrivateKey, signingKeyContext(row.keyId));
    return [signingKeyPair(key, Buffer.from(pem).toString('utf8'))];
  });
}
