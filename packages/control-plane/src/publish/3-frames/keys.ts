import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { type SigningKeyPair, SigningKeys } from '@sallyport/shared/sync/signing-keys';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import { type Encoded, encodeMessage } from './encode.ts';

/** The keys that this replica signs with, and those it believes. */
export interface ReplicaKeys {
  current(): SigningKeys;
  /** Believes what any replica signed. */
  readonly verification: VerificationKeys;
  /** The `Keys` message; another object when the keys have changed. */
  message(): Encoded;
  /** Whether the key may still be signed with; of an unknown one, no. */
  isLive(keyId: string): boolean;
  /** Reads them again. Never rejects. */
  refresh(): Promise<void>;
}

/** `onChanged` is called when there are other keys than before. */
export function createReplicaKeys(options: {
  readonly load: () => Promise<readonly SigningKeyPair[]>;
  /** Raw, 32 bytes. */
  readonly rootPublicKey: Uint8Array;
  readonly clock: Clock;
  readonly log: Log;
  readonly onChanged: () => void;
}): ReplicaKeys {
  const { load, rootPublicKey, clock, log, onChanged } = options;
  const verification = new VerificationKeys(rootPublicKey);
  let keys = new SigningKeys([]);
  let notAfterMs = new Map<string, number>();
  let message = encodeMessage({ kind: 'keys', value: { keys: [] } });
  let reading: Promise<void> | null = null;
  let again = false;

  const readNow = async (): Promise<void> => {
    try {
      const pairs = await load();
      for (const { key } of pairs) verification.add(key);
      keys = new SigningKeys(pairs);
      notAfterMs = new Map(pairs.map(({ key }) => [key.keyId, key.notAfterMs]));
      const next = encodeMessage({ kind: 'keys', value: { keys: keys.keys() } });
      if (next.equals(message)) return;
      message = next;
      onChanged();
    } catch (error) {
      log.warn('publish.keys_unreadable', { error });
    }
  };

  return {
    current: () => keys,
    verification,
    message: () => message,
    isLive: (keyId) => (notAfterMs.get(keyId) ?? 0) > clock(),
    async refresh() {
      if (reading !== null) {
        // What changed after that read began must be read, too.
        again = true;
        return reading;
      }
      reading = readNow();
      await reading;
      reading = null;
      if (!again) return;
      again = false;
      await this.refresh();
    },
  };
}
