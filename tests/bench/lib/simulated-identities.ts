import { createSecureContext } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { JoinRequestSchema } from '@sallyport/proto';
import { credentials, EdgeSyncClient } from '@sallyport/proto/grpc';
import { createCsr } from '@sallyport/shared/pki/csr';
import type { AdminApi } from '@sallyport/stack';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';

/** What an edge has after joining, as far as a stream needs it. */
export interface SimulatedIdentity {
  readonly edgeId: string;
  readonly certificatePem: string;
  readonly privateKeyPem: string;
  /** base64 */
  readonly rootPublicKey: string;
}

const atOnce = 3;
const joinMsMax = 20_000;
const attemptsMax = 5;

/** Joins that many edges, as edges do: a token, requests for certificates, one call each. */
export async function joinSimulated(
  api: AdminApi,
  grpc: string,
  caPem: string,
  count: number,
): Promise<SimulatedIdentity[]> {
  const client = new EdgeSyncClient(
    grpc,
    credentials.createFromSecureContext(createSecureContext({ ca: caPem, minVersion: 'TLSv1.3' })),
  );
  const identities: SimulatedIdentity[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < count) {
      const region = `sim-${next++ % 10}`;
      identities.push(await insistently(() => joinOne(api, client, region)));
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, work));
    return identities;
  } finally {
    client.close();
  }
}

/** The control plane ends a connection on which much was asked; the next call opens another. */
async function insistently<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      if (attempt === attemptsMax) throw error;
    }
  }
}

async function joinOne(
  api: AdminApi,
  client: EdgeSyncClient,
  region: string,
): Promise<SimulatedIdentity> {
  const [invited, identity, upstream, assertionJwk] = await Promise.all([
    api.post<{ readonly token: string }>('/v1/edges:join-token', {}),
    createCsr({ commonName: 'sallyport-edge' }),
    createCsr({ commonName: 'sallyport-edge' }),
    newAssertionJwk(),
  ]);
  const request = create(JoinRequestSchema, {
    token: invited.body.token,
    region,
    identityCsr: identity.csrDer,
    upstreamCsr: upstream.csrDer,
    assertionJwks: [assertionJwk],
  });
  const joined = await client.unary('join', request, joinMsMax);
  return {
    edgeId: joined.edgeId,
    certificatePem: joined.credentials?.identityCertificatePem ?? '',
    privateKeyPem: identity.privateKeyPem,
    rootPublicKey: Buffer.from(joined.rootPublicKey).toString('base64'),
  };
}

async function newAssertionJwk(): Promise<string> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  return JSON.stringify({ ...jwk, kid: await calculateJwkThumbprint(jwk) });
}
