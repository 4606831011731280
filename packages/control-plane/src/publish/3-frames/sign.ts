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

/**
 * Signs and encodes what this replica says. null: it cannot be signed, for want of a live key above
 * all, so nothing is said. Never throws: the tick and the log are for all lanes.
 */
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
  /** What could not be signed when it was tried last, each said once. */
  const failing = new Set<string>();

  const complain = (what: string, error: unknown): void => {
    if (failing.has(what)) return;
    failing.add(what);
    if (error instanceof NoSigningKeyError) {
      log.error('publish.no_signing_key', { purpose: error.purpose });
    } else log.error('publish.not_signed', { what, error });
  };

  const attempt = <T>(what: string, make: (signing: SigningKeys, nowMs: number) => T): T | null => {
    try {
      const made = make(keys.current(), clock());
      failing.delete(what);
      return made;
    } catch (error) {
      complain(what, error);
      return null;
    }
  };

  return {
    isLive: (keyId) => keys.isLive(keyId),
    sign: (revision) =>
      attempt(`frame of ${revision.lane}`, (signing, nowMs) => {
        const value = signing.frame(revision, nowMs);
        onSigned(revision.lane);
        return { bytes: encodeMessage({ kind: 'frame', value }), keyId: value.keyId };
      }),
    manifest: (manifest) =>
      attempt(`manifest of ${manifest.lane}`, (signing, nowMs) =>
        encodeMessage({ kind: 'manifest', value: signing.manifest(manifest, nowMs) }),
      ),
    heartbeat: (heartbeat) =>
      attempt('heartbeat', (signing, nowMs) =>
        encodeMessage({ kind: 'heartbeat', value: signing.heartbeat(heartbeat, nowMs) }),
      ),
  };
}
