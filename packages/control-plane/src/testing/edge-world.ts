import { createSecureContext } from 'node:tls';
import { create } from '@bufbuild/protobuf';
import { JoinRequestSchema } from '@sallyport/proto';
import { type ChannelCredentials, credentials, EdgeSyncClient } from '@sallyport/proto/grpc';
import { systemClock } from '@sallyport/shared/clock';
import { newId } from '@sallyport/shared/ids';
import { createInstallation } from '@sallyport/shared/init/installation';
import { parseSeed, type Seed } from '@sallyport/shared/init/seed';
import { newToken } from '@sallyport/shared/keys/tokens';
import { createCsr } from '@sallyport/shared/pki/csr';
import { parseKeyFile, type SealKey } from '@sallyport/shared/seal';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { Registry } from 'prom-client';
import { afterAll } from 'vitest';
import { type EdgeServer, startEdgeServer } from '../grpc/server.ts';
import { createSignInCalls } from '../identity/sign-in-calls.ts';
import { createPublisher, type Publisher, type PublisherOptions } from '../publish/publisher.ts';
import { createSignals } from '../signals/signals.ts';
import { type Database, read } from '../store/database.ts';
import { insertJoinToken } from '../store/edges.ts';
import { importSeed } from '../store/seed.ts';
import { loadSyncKeys } from '../store/sync-keys.ts';
import type { Actor } from '../store/write.ts';
import { closeTestDatabase, testDatabase, testLog } from './database.ts';

/** A control plane as edges see it: real database, real TLS, real gRPC; no admin API. */
export interface EdgeWorld {
  readonly database: Database;
  readonly url: string;
  readonly publisher: Publisher;
  readonly server: EdgeServer;
  readonly seed: Seed;
  readonly sealKey: SealKey;
  /** PKCS#8; null: of a replica that was started beside the first. */
  readonly rootKeyPem: string | null;
  readonly metrics: Registry;
  /** A client that presents this certificate, or none. Closed at the end of the file. */
  client(identity: ClientIdentity | null): EdgeSyncClient;
  joinToken(lifetimeMs?: number): Promise<string>;
  joinEdge(region?: string): Promise<JoinedEdge>;
  /** Before the end of the file. Its database goes with it, if it was made for it. */
  stop(): Promise<void>;
}

export interface ClientIdentity {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

export interface JoinedEdge {
  readonly edgeId: string;
  readonly identity: ClientIdentity;
  readonly client: EdgeSyncClient;
}

export const testActor: Actor = {
  kind: 'system',
  id: 'test',
  label: 'test',
  requestId: '',
  sourceAddress: '',
};

export const trustDomain = 'corp.example';

const cleanups: (() => Promise<void> | void)[] = [];

afterAll(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** Starts one on a database of its own. Ends with the test file. */
export async function startEdgeWorld(options: ReplicaOptions = {}): Promise<EdgeWorld> {
  const { database, url } = await testDatabase();
  const { seed, sealKey, rootKeyPem } = await installation();
  await importSeed(database, seed, sealKey, Date.now());
  const replica = await startReplica(database, url, seed, sealKey, options);
  const stop = async (): Promise<void> => {
    await replica.stop();
    await closeTestDatabase(database);
  };
  return { ...replica, rootKeyPem, stop };
}

/** What a test may want otherwise. */
export type ReplicaOptions = Partial<
  Pick<
    PublisherOptions,
    'replica' | 'stallMs' | 'admission' | 'budget' | 'bus' | 'signingKeys' | 'monotonic' | 'log'
  >
>;

/** Starts another replica on the same database. */
export async function startReplica(
  database: Database,
  url: string,
  seed: Seed,
  sealKey: SealKey,
  options: ReplicaOptions = {},
): Promise<EdgeWorld> {
  const clock = systemClock;
  const metrics = new Registry();
  const publisher = createPublisher({
    database,
    clock,
    log: testLog,
    replica: 'test',
    metrics,
    rootPublicKey: seed.rootPublicKey,
    signingKeys: () => read(database, (db) => loadSyncKeys(db, sealKey, clock())),
    bus: null,
    ...options,
  });
  const signals = createSignals({ database, clock, log: testLog, registry: metrics });
  const signIn = createSignInCalls({ database, sealKey, signals, clock, log: testLog });
  await publisher.start();
  const server = await startEdgeServer({
    listen: { host: '127.0.0.1', port: 0 },
    names: ['localhost', '127.0.0.1'],
    database,
    publisher,
    signIn,
    signals,
    authorities: seed.authorities,
    trustDomain,
    rootPublicKey: seed.rootPublicKey,
    sealKey,
    metrics,
    clock,
    log: testLog,
  });
  let stopping: Promise<void> | null = null;
  const stopNow = async (): Promise<void> => {
    await publisher.stop();
    await server.drain(100);
    await signIn.close();
  };
  const stop = (): Promise<void> => {
    stopping ??= stopNow();
    return stopping;
  };
  cleanups.push(stop);
  const caPem = seed.authorities.edge.certificatePem;
  const client = (identity: ClientIdentity | null): EdgeSyncClient =>
    openClient(server, channelCredentials(caPem, identity));
  const joinToken = async (lifetimeMs = 60_000): Promise<string> => {
    const { token, sha256 } = newToken('join');
    const nowMs = Date.now();
    await insertJoinToken(database.db, {
      id: newId('tok'),
      tokenHash: sha256,
      createdBy: 'test',
      createdAtMs: nowMs,
      expiresAtMs: nowMs + lifetimeMs,
    });
    return token;
  };
  return {
    database,
    url,
    publisher,
    server,
    seed,
    sealKey,
    rootKeyPem: null,
    metrics,
    client,
    joinToken,
    stop,
    async joinEdge(region = 'north') {
      const { request, privateKeyPem } = await joinRequest(await joinToken(), region);
      const anonymous = client(null);
      const response = await anonymous.unary('join', request, 5_000);
      const certificatePem = response.credentials?.identityCertificatePem ?? '';
      const identity = { certificatePem, privateKeyPem };
      return { edgeId: response.edgeId, identity, client: client(identity) };
    },
  };
}

function openClient(server: EdgeServer, channel: ChannelCredentials): EdgeSyncClient {
  const client = new EdgeSyncClient(`localhost:${server.address.port}`, channel, {
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_retries': 0,
  });
  cleanups.push(() => client.close());
  return client;
}

export function channelCredentials(
  caPem: string,
  identity: ClientIdentity | null,
): ChannelCredentials {
  const own = identity && { cert: identity.certificatePem, key: identity.privateKeyPem };
  return credentials.createFromSecureContext(
    createSecureContext({ ca: caPem, minVersion: 'TLSv1.3', ...own }),
  );
}

/** A request to join as an edge makes it, with the key of its identity. */
export async function joinRequest(token: string, region = 'north') {
  const identity = await createCsr({ commonName: 'sallyport-edge' });
  const upstream = await createCsr({ commonName: 'sallyport-edge' });
  const request = create(JoinRequestSchema, {
    token,
    region,
    labels: { rack: '7' },
    identityCsr: identity.csrDer,
    upstreamCsr: upstream.csrDer,
    assertionJwks: [await assertionJwk()],
  });
  return { request, privateKeyPem: identity.privateKeyPem };
}

/** A new assertion key's public half, named by its thumbprint. */
export async function assertionJwk(): Promise<string> {
  const { publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(publicKey);
  return JSON.stringify({ ...jwk, kid: await calculateJwkThumbprint(jwk) });
}

async function installation(): Promise<{ seed: Seed; sealKey: SealKey; rootKeyPem: string }> {
  const { files } = await createInstallation({ trustDomain, nowMs: Date.now() });
  const text = (path: string): string => files.find((file) => file.path === path)?.contents ?? '';
  const sealKey = parseKeyFile(text('key-file'));
  const rootKeyPem = text('root.key.pem');
  return { seed: parseSeed(text('seed.json'), sealKey), sealKey, rootKeyPem };
}
