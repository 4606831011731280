import { createPrivateKey, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { parseCookieRing } from '@sallyport/shared/keys/cookie-ring';
import type { CryptoKey } from 'jose';
import type { AssertionPrivateKey } from '../../worker/messages.ts';
import type { AssertionKey, CookieRing } from '../current.ts';

/** The ring of cookie keys from the value of its secret. Throws for anything else. */
export function readCookieRing(value: Uint8Array): CookieRing {
  const ring = parseCookieRing(Buffer.from(value).toString('utf8'));
  if (ring === null) throw new TypeError('the cookie ring has not the form it must have');
  const keys = new Map([...ring.keys].map(([id, bytes]) => [id, sealingKey(bytes)]));
  const current = keys.get(ring.current.id);
  if (current === undefined) throw new TypeError('the current cookie key is not in the ring');
  const recordKey = recordKeyOf(ring.current.key);
  return { current: { id: ring.current.id, key: current }, keys, recordKey };
}

/** All edges have the ring and nobody outside does, so the same text has the same hash on each. */
function recordKeyOf(cookieKey: Uint8Array): KeyObject {
  const key = hkdfSync('sha256', cookieKey, '', 'sallyport.edge.records.hash.v1', 32);
  return createSecretKey(Buffer.from(key));
}

function sealingKey(bytes: Uint8Array): CryptoKey {
  return createSecretKey(bytes).toCryptoKey('AES-GCM', false, ['encrypt', 'decrypt']);
}

/** An own assertion key, ready to sign. */
export function readAssertionKey({ kid, privateKeyPem }: AssertionPrivateKey): AssertionKey {
  const keyObject = createPrivateKey(privateKeyPem);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256' };
  return { kid, keyObject, privateKey: keyObject.toCryptoKey(algorithm, false, ['sign']) };
}
