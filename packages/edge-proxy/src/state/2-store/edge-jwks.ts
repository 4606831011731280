import type { EdgeKeys } from '@sallyport/shared/state/model';
import type { JWK } from 'jose';

/** Public JWKs of one edge. Only the members of an EC public key pass. */
export function readJwks(op: EdgeKeys): readonly JWK[] {
  return op.assertionJwks.map((text) => {
    const { kty, crv, x, y, kid } = JSON.parse(text) as Record<string, unknown>;
    const members = { kty, crv, x, y, kid };
    if (
      kty !== 'EC' ||
      crv !== 'P-256' ||
      Object.values(members).some((v) => typeof v !== 'string')
    )
      throw new TypeError(`edge ${op.edgeId} has an assertion key that is not a P-256 public key`);
    return { ...members, alg: 'ES256', use: 'sig' } as JWK;
  });
}
