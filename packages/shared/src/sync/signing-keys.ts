import { createPrivateKey, type KeyObject } from 'node:crypto';
import type { SigningKey } from '../state/model.ts';
import type {
  FrameMessage,
  HeartbeatMessage,
  ManifestMessage,
  ProvisionalMessage,
} from './messages.ts';
import {
  bodySha256,
  frameSigned,
  heartbeatSigned,
  manifestSigned,
  provisionalSigned,
  type SigningPurpose,
  sign,
} from './signing.ts';

/** A key that a replica signs with: what the root vouches for, and the private half. */
export interface SigningKeyPair {
  readonly key: SigningKey;
  readonly privateKey: KeyObject;
}

/** The pair from the private half at rest. Throws for anything but a private key in PEM. */
export function signingKeyPair(key: SigningKey, privateKeyPem: string): SigningKeyPair {
  return { key, privateKey: createPrivateKey(privateKeyPem) };
}

/** There is no live key of the purpose: nothing can be signed, and so nothing is published. */
export class NoSigningKeyError extends Error {
  override readonly name = 'NoSigningKeyError';
  readonly purpose: SigningPurpose;

  constructor(purpose: SigningPurpose) {
    super(`no live key of the purpose ${purpose}`);
    this.purpose = purpose;
  }
}

/** What a replica signs with. Immutable: a changed set of keys is a new object. */
export class SigningKeys {
  readonly #pairs: readonly SigningKeyPair[];

  constructor(pairs: readonly SigningKeyPair[]) {
    this.#pairs = pairs;
  }

  /** The public halves, for the `Keys` message. */
  keys(): SigningKey[] {
    return this.#pairs.map(({ key }) => key);
  }

  /**
   * The live key that began last, the first by id among equals, so that all replicas choose alike;
   * null: none is live.
   */
  current(purpose: SigningPurpose, nowMs: number): SigningKeyPair | null {
    let chosen: SigningKeyPair | null = null;
    for (const pair of this.#pairs) {
      const { key } = pair;
      if (key.purpose !== purpose || nowMs < key.notBeforeMs || nowMs >= key.notAfterMs) continue;
      if (chosen === null || begunLater(key, chosen.key)) chosen = pair;
    }
    return chosen;
  }

  /** Throws NoSigningKeyError. */
  frame(frame: Omit<FrameMessage, 'keyId' | 'signature'>, nowMs: number): FrameMessage {
    const hash = bodySha256(frame.body);
    return this.#signed(`lane-${frame.lane}`, frame, nowMs, (header) => frameSigned(header, hash));
  }

  /** Throws NoSigningKeyError. */
  manifest(manifest: Omit<ManifestMessage, 'keyId' | 'signature'>, nowMs: number): ManifestMessage {
    return this.#signed(`lane-${manifest.lane}`, manifest, nowMs, (header) =>
      manifestSigned(header, manifest.shards),
    );
  }

  /** Throws NoSigningKeyError. */
  heartbeat(
    heartbeat: Omit<HeartbeatMessage, 'keyId' | 'signature'>,
    nowMs: number,
  ): HeartbeatMessage {
    return this.#signed('heartbeat', heartbeat, nowMs, (header) =>
      heartbeatSigned(header, heartbeat.heads),
    );
  }

  /** Throws NoSigningKeyError. */
  provisional(
    provisional: Omit<ProvisionalMessage, 'keyId' | 'signature'>,
    nowMs: number,
  ): ProvisionalMessage {
    const hash = bodySha256(provisional.body);
    return this.#signed('lane-revoke', provisional, nowMs, (header) =>
      provisionalSigned(header, hash),
    );
  }

  #signed<Message extends object>(
    purpose: SigningPurpose,
    message: Message,
    nowMs: number,
    signedBytes: (header: Message & { readonly keyId: string }) => Uint8Array,
  ): Message & { readonly keyId: string; readonly signature: Uint8Array } {
    const pair = this.current(purpose, nowMs);
    if (pair === null) throw new NoSigningKeyError(purpose);
    const header = { ...message, keyId: pair.key.keyId };
    return { ...header, signature: sign(signedBytes(header), pair.privateKey) };
  }
}

function begunLater(key: SigningKey, than: SigningKey): boolean {
  if (key.notBeforeMs !== than.notBeforeMs) return key.notBeforeMs > than.notBeforeMs;
  return key.keyId < than.keyId;
}
