import { type KeyObject, verify as verifyWith } from 'node:crypto';
import { publicKeyFromRaw } from '../keys/ed25519.ts';
import { verifySigningKey } from '../keys/root.ts';
import type { Lane, SigningKey } from '../state/model.ts';
import type {
  FrameMessage,
  FrameProof,
  HeartbeatMessage,
  ManifestMessage,
  ProvisionalMessage,
} from './messages.ts';
import {
  frameSigned,
  heartbeatSigned,
  manifestSigned,
  provisionalSigned,
  type SigningPurpose,
} from './signing.ts';

/** What a signature is worth. Only `ok` is ever acted upon. */
export type Verdict = 'ok' | 'unknown_key' | 'wrong_purpose' | 'not_live' | 'forged';

export interface Signed {
  readonly purpose: SigningPurpose;
  readonly keyId: string;
  readonly bytes: Uint8Array;
  readonly signature: Uint8Array;
  /** Wall time. null: whether the key is live is not asked, for what was signed long ago. */
  readonly nowMs: number | null;
}

interface HeldKey {
  readonly signingKey: SigningKey;
  readonly publicKey: KeyObject;
}

/** Six purposes with a few keys each: many more would be somebody filling memory. */
const keysMax = 64;
/** Withdrawals are rare; beyond this the ones whose keys end first are forgotten. */
const withdrawnMax = 256;

/** The keys that a holder of the root's public half believes. */
export class VerificationKeys {
  readonly #rootPublicKey: Uint8Array;
  readonly #keys = new Map<string, HeldKey>();
  readonly #withdrawn = new Map<string, SigningKey>();

  /** `rootPublicKey`: raw, 32 bytes. */
  constructor(rootPublicKey: Uint8Array) {
    this.#rootPublicKey = rootPublicKey;
  }

  /**
   * Takes a key if the root vouches for it. A known id stands for its first key for ever. When
   * there are too many, the one that ended first makes room. One that was withdrawn stays out.
   */
  add(key: SigningKey): 'added' | 'known' | 'refused' | 'withdrawn' {
    if (this.#withdrawn.has(key.keyId)) return 'withdrawn';
    const held = this.#keys.get(key.keyId);
    if (held !== undefined) return sameKey(held.signingKey, key) ? 'known' : 'refused';
    if (!verifySigningKey(key, this.#rootPublicKey)) return 'refused';
    const publicKey = publicKeyFromRaw(key.publicKey);
    if (publicKey === null) return 'refused';
    this.#keys.set(key.keyId, { signingKey: key, publicKey });
    if (this.#keys.size > keysMax) this.#dropFirstEnded();
    return this.#keys.has(key.keyId) ? 'added' : 'refused';
  }

  /** What is held, in no order. */
  keys(): SigningKey[] {
    return [...this.#keys.values()].map(({ signingKey }) => signingKey);
  }

  /**
   * Believes the key no more, and remembers it until its own end, so that nobody who still has the
   * root's word on it can bring it back. Also for keys that were never held.
   */
  withdraw(key: SigningKey, nowMs: number): void {
    this.#keys.delete(key.keyId);
    for (const { keyId, notAfterMs } of this.withdrawn()) {
      if (notAfterMs <= nowMs) this.#withdrawn.delete(keyId);
    }
    this.#withdrawn.set(key.keyId, key);
    if (this.#withdrawn.size <= withdrawnMax) return;
    const first = firstEnded(this.#withdrawn.values());
    if (first !== null) this.#withdrawn.delete(first.keyId);
  }

  isWithdrawn(keyId: string): boolean {
    return this.#withdrawn.has(keyId);
  }

  /** Keys that were withdrawn before their end, in no order. */
  withdrawn(): SigningKey[] {
    return [...this.#withdrawn.values()];
  }

  /** Never throws for what came from outside. */
  verify({ purpose, keyId, bytes, signature, nowMs }: Signed): Verdict {
    const held = this.#keys.get(keyId);
    if (held === undefined) return 'unknown_key';
    const { signingKey, publicKey } = held;
    if (signingKey.purpose !== purpose) return 'wrong_purpose';
    if (nowMs !== null && !(signingKey.notBeforeMs <= nowMs && nowMs < signingKey.notAfterMs)) {
      return 'not_live';
    }
    return verifyWith(null, bytes, publicKey, signature) ? 'ok' : 'forged';
  }

  /** `bodySha256`: of the frame's body, as the caller computed it. */
  verifyFrame(frame: Omit<FrameMessage, 'body'>, bodySha256: Uint8Array, nowMs: number): Verdict {
    return this.#verify(`lane-${frame.lane}`, frame, nowMs, () => frameSigned(frame, bodySha256));
  }

  /** A proof may be old: whether its key is still live is not asked. */
  verifyProof(lane: Lane, proof: FrameProof): Verdict {
    return this.#verify(`lane-${lane}`, proof, null, () =>
      frameSigned({ ...proof, lane }, proof.bodySha256),
    );
  }

  verifyManifest(manifest: ManifestMessage, nowMs: number): Verdict {
    return this.#verify(`lane-${manifest.lane}`, manifest, nowMs, () =>
      manifestSigned(manifest, manifest.shards),
    );
  }

  verifyHeartbeat(heartbeat: HeartbeatMessage, nowMs: number): Verdict {
    return this.#verify('heartbeat', heartbeat, nowMs, () =>
      heartbeatSigned(heartbeat, heartbeat.heads),
    );
  }

  /** `bodySha256`: of the message's body, as the caller computed it. */
  verifyProvisional(
    provisional: ProvisionalMessage,
    bodySha256: Uint8Array,
    nowMs: number,
  ): Verdict {
    return this.#verify('lane-revoke', provisional, nowMs, () =>
      provisionalSigned(provisional, bodySha256),
    );
  }

  /** Numbers or hashes that nobody could have signed are forged, too. */
  #verify(
    purpose: SigningPurpose,
    signed: { readonly keyId: string; readonly signature: Uint8Array },
    nowMs: number | null,
    signedBytes: () => Uint8Array,
  ): Verdict {
    let bytes: Uint8Array;
    try {
      bytes = signedBytes();
    } catch (error) {
      if (error instanceof RangeError) return 'forged';
      throw error;
    }
    return this.verify({ purpose, keyId: signed.keyId, bytes, signature: signed.signature, nowMs });
  }

  #dropFirstEnded(): void {
    const first = firstEnded(this.keys());
    if (first !== null) this.#keys.delete(first.keyId);
  }
}

function firstEnded(keys: Iterable<SigningKey>): SigningKey | null {
  let first: SigningKey | null = null;
  for (const key of keys) {
    if (first === null || key.notAfterMs < first.notAfterMs) first = key;
  }
  return first;
}

function sameKey(a: SigningKey, b: SigningKey): boolean {
  return (
    a.purpose === b.purpose &&
    a.notBeforeMs === b.notBeforeMs &&
    a.notAfterMs === b.notAfterMs &&
    Buffer.compare(a.publicKey, b.publicKey) === 0
  );
}
