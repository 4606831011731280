import { create } from '@bufbuild/protobuf';
import { FetchSecretsRequestSchema, opsFromBytes, RenewRequestSchema } from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { inspectCertificate } from '@sallyport/shared/pki/certificate';
import { createCsr } from '@sallyport/shared/pki/csr';
import { issueWithNewKey } from '@sallyport/shared/pki/issue';
import { deviceUri, spiffeEdgeUri } from '@sallyport/shared/pki/spiffe';
import type { StateOp } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead, readRevisions } from '../store/change-log.ts';
import { deleteEdge, findEdge } from '../store/edges.ts';
import { write } from '../store/write.ts';
import {
  assertionJwk,
  type ClientIdentity,
  type EdgeWorld,
  joinRequest,
  startEdgeWorld,
  testActor,
  trustDomain,
} from '../testing/edge-world.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

const secretsRequest = create(FetchSecretsRequestSchema, { ids: ['cookie-ring'] });

async function fetchSecretsAs(identity: ClientIdentity | null): Promise<unknown> {
  return world.client(identity).unary('fetchSecrets', secretsRequest, 5_000);
}

/** Everything that the config lane's log says. */
async function publishedOps(): Promise<StateOp[]> {
  const { epoch } = await readHead(world.database.db, 'config');
  const log = await readRevisions(world.database.db, 'config', { epoch, rev: 0 }, 1_000);
  return log.flatMap(({ body }) => opsFromBytes(body));
}

async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  try {
    await call;
    return undefined;
  } catch (error) {
    return (error as { code?: number }).code;
  }
}

/** With another thumbprint than the key has: it may begin with whatever base64url has. */
function withOtherKid(jwk: string): string {
  return jwk.replace(/"kid":"(.)/, (_all, first: string) => `"kid":"${first === '-' ? '_' : '-'}`);
}

describe('an edge that joins', () => {
  it('gets an identity by its token, and its keys are published in the same revision', async () => {
    const { edgeId, identity } = await world.joinEdge('south');
    const info = inspectCertificate(identity.certificatePem);
    expect(info?.uris).toEqual([spiffeEdgeUri(trustDomain, edgeId)]);
    const row = await findEdge(world.database.db, edgeId);
    expect(row).toMatchObject({ region: 'south', identitySha256: info?.sha256 });
    expect(await publishedOps()).toContainEqual({
      op: 'edge_keys',
      edgeId,
      region: 'south',
      assertionJwks: row?.assertionJwks,
    });
  });

  it('can use a token once, also when two edges try at the same time', async () => {
    const token = await world.joinToken();
    const tries = await Promise.all(
      [1, 2, 3].map(async () => {
        const { request } = await joinRequest(token);
        return codeOf(world.client(null).unary('join', request, 5_000));
      }),
    );
    expect(tries.filter((code) => code === undefined)).toHaveLength(1);
    expect(tries.filter((code) => code === status.UNAUTHENTICATED)).toHaveLength(2);
  });

  it('is refused with an unknown, malformed or expired token', async () => {
    const expired = await world.joinToken(-1);
    for (const token of ['', 'sp_join_x', `sp_join_${'A'.repeat(43)}`, expired]) {
      const { request } = await joinRequest(token);
      expect(await codeOf(world.client(null).unary('join', request, 5_000))).toBe(
        status.UNAUTHENTICATED,
      );
    }
  });

  it('keeps its token when its request is refused for another reason', async () => {
    const token = await world.joinToken();
    const { request } = await joinRequest(token);
    const bad = [
      { ...request, region: 'North Pole' },
      { ...request, identityCsr: new Uint8Array([1, 2, 3]) },
      { ...request, assertionJwks: [] },
      { ...request, assertionJwks: ['{"kty":"EC"}'] },
      { ...request, assertionJwks: [withOtherKid(await assertionJwk())] },
    ];
    for (const one of bad) {
      expect(await codeOf(world.client(null).unary('join', one, 5_000))).toBe(
        status.INVALID_ARGUMENT,
      );
    }
    expect(await codeOf(world.client(null).unary('join', request, 5_000))).toBe(undefined);
  });
});

describe('a call of an edge', () => {
  it('is answered with secrets that edges may hold, and with no others', async () => {
    const { client } = await world.joinEdge();
    const request = create(FetchSecretsRequestSchema, { ids: ['cookie-ring', 'idp', "' or 1=1"] });
    const { secrets } = await client.unary('fetchSecrets', request, 5_000);
    expect(secrets.map(({ id }) => id)).toEqual(['cookie-ring']);
    expect(Buffer.from(secrets[0]?.value ?? []).toString()).toBe(world.seed.cookieRing);
  });

  it('is refused without a certificate and with one of another kind', async () => {
    const { edgeId } = await world.joinEdge();
    const { edge, device, upstream } = world.seed.authorities;
    const uris = [spiffeEdgeUri(trustDomain, edgeId)];
    const order = { commonName: 'x', uris, usage: 'client', days: 1 } as const;
    const day = 86_400_000;
    const past = {
      notBefore: new Date(Date.now() - 2 * day),
      notAfter: new Date(Date.now() - day),
    };
    const strangers: Record<string, ClientIdentity | null> = {
      none: null,
      'of the device authority': await issueWithNewKey(device, order),
      'of the upstream authority': await issueWithNewKey(upstream, order),
      'a device URI': await issueWithNewKey(edge, {
        ...order,
        uris: [deviceUri(trustDomain, 'dev_1')],
      }),
      'two URIs': await issueWithNewKey(edge, {
        ...order,
        uris: [...uris, spiffeEdgeUri(trustDomain, 'edg_2')],
      }),
      'another trust domain': await issueWithNewKey(edge, {
        ...order,
        uris: [spiffeEdgeUri('evil.example', edgeId)],
      }),
      'no URI': await issueWithNewKey(edge, { commonName: edgeId, usage: 'client', days: 1 }),
      'for servers': await issueWithNewKey(edge, { ...order, usage: 'server' }),
      expired: await issueWithNewKey(edge, { commonName: 'x', uris, usage: 'client', ...past }),
    };
    const codes: Record<string, number | undefined> = {};
    for (const [name, identity] of Object.entries(strangers)) {
      codes[name] = await codeOf(fetchSecretsAs(identity));
    }
    expect(codes).toEqual(
      Object.fromEntries(Object.keys(strangers).map((name) => [name, status.UNAUTHENTICATED])),
    );
  });

  it('is refused for an edge that never joined or was deleted', async () => {
    const { edge } = world.seed.authorities;
    const ghost = await issueWithNewKey(edge, {
      commonName: 'ghost',
      uris: [spiffeEdgeUri(trustDomain, 'edg_ghost')],
      usage: 'client',
      days: 1,
    });
    expect(await codeOf(fetchSecretsAs(ghost))).toBe(status.PERMISSION_DENIED);
    const { edgeId, identity } = await world.joinEdge();
    expect(await codeOf(fetchSecretsAs(identity))).toBe(undefined);
    await write(world.database, testActor, { verb: 'delete', resource: 'edge' }, async (tx) => {
      await deleteEdge(tx.db, edgeId);
      tx.emit('config', { op: 'deleted_edge', edgeId });
    });
    expect(await codeOf(fetchSecretsAs(identity))).toBe(status.PERMISSION_DENIED);
  });
});

describe('an edge that renews', () => {
  it('gets new certificates, and its new keys are in the log before it has them', async () => {
    const { edgeId, client, identity } = await world.joinEdge();
    const csr = await createCsr({ commonName: 'sallyport-edge' });
    const upstream = await createCsr({ commonName: 'sallyport-edge' });
    const assertionJwks = [await assertionJwk(), await assertionJwk()];
    const request = create(RenewRequestSchema, {
      identityCsr: csr.csrDer,
      upstreamCsr: upstream.csrDer,
      assertionJwks,
    });
    const { credentials } = await client.unary('renew', request, 5_000);
    const certificatePem = credentials?.identityCertificatePem ?? '';
    expect(certificatePem).not.toBe(identity.certificatePem);
    const renewed = { certificatePem, privateKeyPem: csr.privateKeyPem };
    expect(await codeOf(fetchSecretsAs(renewed))).toBe(undefined);
    const last = (await publishedOps()).findLast(
      (op) => op.op === 'edge_keys' && op.edgeId === edgeId,
    );
    expect(last?.op === 'edge_keys' ? last.assertionJwks.length : 0).toBe(2);
  });
});
