import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane } from '@sallyport/shared/state/model';
import type { HeartbeatMessage, ManifestMessage } from '@sallyport/shared/sync/messages';
import { NoSigningKeyError, type SigningKeys } from '@sallyport/shared/sync/signing-keys';
import type { Revision } from '../../store/log-connection.ts';
import { type Encoded, encodeMessage } from './encode.ts';
import type { ReplicaKeys } from './keys.ts';

/** A frame as it goes out. */
export interface SignedFrame {
  readonly bytes: Encoded;
  readonly keyId: string;
}

/** Signs and encodes what this replica says. null: there is no live key, so nothing is said. */
export interface FrameSigner {
  sign(revision: Revision): SignedFrame | null;
  /** Whether what this key signed may still go out. */
  isLive(keyId: string): boolean;
}

export interface ReplicaSigner extends FrameSigner {
  manifest(manifest: Omit<ManifestMessage, 'keyId' | 'signature'>): Encoded | null;
  heartbeat(heartbeat: Omit<HeartbeatMessage, 'keyId' | 'signature'>): Encoded | null;
}

export function createSigner(options: {
  readonly keys: ReplicaKeys;
  readonly clock: Clock;
  readonly log: Log;
  readonly onSigned: (lane: Lane) => void;
}): ReplicaSigner {
  const { keys, clock, log, onSigned } = options;
  let complained = false;

  const attempt = <T>(make: (signing: SigningKeys, nowMs: number) => T): T | null => {
    try {
      const made = make(keys.current(), clock());
      complained = false;
      return made;
    } catch (error) {
      if (!(error instanceof NoSigningKeyError)) throw error;
      if (!complained) log.error('publish.no_signing_key', { purpose: error.purpose });
      complained = true;
      return null;
    }
  };

  return {
    isLive: (keyId) => keys.isLive(keyId),
    sign: (revision) =>
      attempt((signing, nowMs) => {
        const value = signing.frame(revision, nowMs);
        onSigned(revision.lane);
        return { bytes: encodeMessage({ kind: 'frame', value }), keyId: value.keyId };
      }),
    manifest: (manifest) =>
      attempt((signing, nowMs) =>
        encodeMessage({ kind: 'manifest', value: signing.manifest(manifest, nowMs) }),
      ),
    heartbeat: (heartbeat) =>
      attempt((signing, nowMs) =>
        encodeMessage({ kind: 'heartbeat', value: signing.heartbeat(heartbeat, nowMs) }),
      ),
  };
}
