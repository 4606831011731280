import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { type Credentials, CredentialsSchema } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { type Authority, issueCertificate } from '@sallyport/shared/pki/issue';
import { spiffeEdgeUri } from '@sallyport/shared/pki/spiffe';
import type { EdgeRow } from '../store/edges.ts';
import { readAssertionJwk } from './assertion-jwk.ts';
import { CallError } from './call-error.ts';

/** What an edge asks certificates with, when it joins and when it renews. */
export interface CredentialRequest {
  readonly identityCsr: Uint8Array;
  readonly upstreamCsr: Uint8Array;
  readonly assertionJwks: readonly string[];
}

/** The two authorities of edges: towards the control plane, and towards upstreams. */
export interface EdgeAuthorities {
  readonly edge: Authority;
  readonly upstream: Authority;
}

export interface IssuedCredentials {
  readonly credentials: Credentials;
  /** What the edge's row keeps of them. */
  readonly row: Pick<EdgeRow, 'identitySha256' | 'identityNotAfterMs' | 'assertionJwks'>;
}

const lifetimeMs = 7 * 86_400_000;
const skewMs = 60_000;
const jwksMax = 4;

/** Issues both certificates of an edge. Of the requests nothing but the keys is used. */
export async function issueCredentials(
  edgeId: string,
  trustDomain: string,
  authorities: EdgeAuthorities,
  request: CredentialRequest,
  nowMs: number,
): Promise<IssuedCredentials> {
  const assertionJwks = await readAssertionJwks(request.assertionJwks);
  const order = {
    uris: [spiffeEdgeUri(trustDomain, edgeId)],
    usage: 'client',
    notBefore: new Date(nowMs - skewMs),
    notAfter: new Date(nowMs + lifetimeMs),
  } as const;
  const identity = await issueCertificate(authorities.edge, {
    ...order,
    // The bus gives rights by it (infra/nats): the same for all edges, and no control plane's.
    commonName: 'sallyport-edge',
    csrDer: request.identityCsr,
  });
  const upstream = await issueCertificate(authorities.upstream, {
    ...order,
    commonName: edgeId,
    csrDer: request.upstreamCsr,
  });
  return {
    credentials: create(CredentialsSchema, {
      identityCertificatePem: identity.certificatePem,
      upstreamCertificatePem: upstream.certificatePem,
    }),
    row: {
      identitySha256: createHash('sha256').update(identity.certificateDer).digest('hex'),
      identityNotAfterMs: order.notAfter.getTime(),
      assertionJwks,
    },
  };
}

async function readAssertionJwks(texts: readonly string[]): Promise<string[]> {
  if (texts.length < 1 || texts.length > jwksMax) {
    throw new CallError(status.INVALID_ARGUMENT, `1 to ${jwksMax} assertion keys are needed`);
  }
  return Promise.all(
    texts.map(async (text) => {
      const jwk = await readAssertionJwk(text);
      if (jwk !== null) return jwk;
      throw new CallError(status.INVALID_ARGUMENT, 'an assertion key is not a named P-256 key');
    }),
  );
}
