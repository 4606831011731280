import { sign } from 'node:crypto';
import {
  type AssertionClaims,
  assertionAlgorithm,
  assertionType,
} from '@sallyport/shared/assertion/claims';
import { assertionPayload } from '@sallyport/shared/assertion/sign';
import type { AssertionKey } from '../../state/current.ts';

/**
 * Signs an assertion at once: WebCrypto would make the request wait between its permit and its
 * forwarding, where a revocation must find it registered. About 25 microseconds; the result is kept.
 */
export function signAtOnce(claims: AssertionClaims, key: AssertionKey): string {
  const header = { alg: assertionAlgorithm, kid: key.kid, typ: assertionType };
  const content = `${encode(header)}.${encode(assertionPayload(claims))}`;
  const signature = sign('sha256', Buffer.from(content), {
    key: key.keyObject,
    // RFC 7518, 3.4: r and s side by side, not DER.
    dsaEncoding: 'ieee-p1363',
  });
  return `${content}.${signature.toString('base64url')}`;
}

function encode(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}
