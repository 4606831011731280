import { CompactEncrypt, compactDecrypt, errors } from 'jose';
import type { CookieRing } from '../state/current.ts';

/**
 * Values that only edges can read and make: session cookies, the state of a sign-in, hand-overs.
 * JWE, `dir` with A256GCM under the cookie ring; kind and host stand in the protected header, so
 * that a value of one kind or host is nothing at another.
 */
export type SealedKind = 'session' | 'sign-in' | 'return' | 'hand-over';

/** Longer texts are not even looked at. A session needs about 1,100 characters. */
const sealedLengthMax = 2048;

export interface Opened {
  readonly text: string;
  readonly keyId: string;
}

/** Seals a text under the ring's current key. */
export async function seal(
  ring: CookieRing,
  kind: SealedKind,
  host: string,
  text: string,
): Promise<string> {
  return new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({
      alg: 'dir',
      enc: 'A256GCM',
      kid: ring.current.id,
      typ: `sallyport-${kind}`,
      host,
    })
    .encrypt(ring.current.key);
}

/** Opens what `seal` made for this kind and host; null for everything else, whatever is wrong. */
export async function open(
  ring: CookieRing,
  kind: SealedKind,
  host: string,
  sealed: string,
): Promise<Opened | null> {
  if (sealed.length > sealedLengthMax) return null;
  try {
    const { plaintext, protectedHeader } = await compactDecrypt(
      sealed,
      ({ kid }) => {
        const key = typeof kid === 'string' ? ring.keys.get(kid) : undefined;
        if (key === undefined) throw new errors.JWEDecryptionFailed();
        return key;
      },
      { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] },
    );
    const { kid, typ } = protectedHeader;
    if (typ !== `sallyport-${kind}` || protectedHeader['host'] !== host) return null;
    return typeof kid === 'string'
      ? { text: new TextDecoder().decode(plaintext), keyId: kid }
      : null;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
