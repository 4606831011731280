import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { createLog } from '@sallyport/shared/log';
import { afterEach, expect, it } from 'vitest';
import { newBucketMemory } from '../request/limits/shared-buckets.ts';
import { TestPki, trustDomain } from '../request/testing/pki.ts';
import { emptyTables } from '../testing/local-state.ts';
import {
  createRootKey,
  sampleAssertionKey,
  sampleBundle,
  sampleCredentials,
  sampleDocuments,
  sampleSigningKey,
} from '../testing/sample-state.ts';
import { ConnectionRoom } from './connection-room.ts';
import { WorkerPool } from './pool.ts';
import { RecordRoom } from './record-room.ts';

const host = 'wiki.corp.test';
const delivery = {
  position: { epoch: 1, rev: 1 },
  arrivedAtMs: 0,
  path: 'grpc',
  silent: false,
} as const;
const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

/** The wiki for everyone, with its upstream on this machine. */
function documents(upstreamPort: number): ConfigurationDocument[] {
  return sampleDocuments().map((document) => {
    const { kind } = document;
    if (kind === 'Policy') {
      return { ...document, spec: { allow: [{ name: 'anyone', anonymous: true }] } };
    }
    if (kind === 'Settings') {
      return { ...document, spec: { ...document.spec, network: { internal: ['127.0.0.0/8'] } } };
    }
    if (kind !== 'Route') return document;
    const upstream = { url: `http://127.0.0.1:${upstreamPort}`, plainHttp: true } as const;
    return { ...document, spec: { ...document.spec, upstream } };
  });
}

it('a worker decides again about everything that is open when its keys change', async () => {
  // A download that has begun and does not end.
  const upstream = createServer((_, response) => void response.write('part')).listen(
    0,
    '127.0.0.1',
  );
  await once(upstream, 'listening');
  closing.push(() => {
    upstream.closeAllConnections();
    upstream.close();
  });
  const pki = await TestPki.create();
  const { cert, key } = await pki.servers(host);
  const ownKey = sampleAssertionKey();
  const serverCertificates = [{ certificatePem: cert, privateKeyPem: key }];
  const pool = await WorkerPool.start({
    workers: 1,
    init: {
      config: { edgeId: 'edg_1', region: 'eu', trustDomain, publicPort: null, traceShare: 0 },
      labels: {},
      credentials: { ...sampleCredentials([ownKey]), serverCertificates },
      logLevel: 'error',
      recordRoom: new RecordRoom().shared,
      overload: { lagMs: 0, memoryShare: 1 },
      collector: null,
      connectionRoom: new ConnectionRoom().shared,
      rateBuckets: newBucketMemory(),
    },
    tables: emptyTables(),
    handlers: {
      onRecords: () => undefined,
      onSightings: () => undefined,
      onCall: () => Promise.resolve({ ok: false, failure: { code: 'unavailable', detail: '' } }),
      onStage: () => undefined,
      onReadiness: () => undefined,
      onDeath: () => undefined,
    },
    log: createLog('error', {}, () => undefined),
  });
  closing.push(() => pool.drain(0));
  const port = await pool.listen({ host: '127.0.0.1', port: 0 });
  const { distributor } = pool;
  for (const lane of ['revoke', 'signals', 'directory'] as const) {
    distributor.changed(lane, { lane, ...delivery }, null);
  }
  const config = [
    sampleBundle(1, documents((upstream.address() as AddressInfo).port)),
    { op: 'release', ring: 'default', version: 1, shadowVersion: null } as const,
    sampleSigningKey(createRootKey()),
    {
      op: 'edge_keys',
      edgeId: 'edg_1',
      region: 'eu',
      assertionJwks: [ownKey.publicJwk],
    } as const,
  ];
  await distributor.config({ lane: 'config', ...delivery }, config, true);
  const client = connect({ port, servername: host, ca: pki.server.certificatePem });
  client.on('error', () => undefined);
  closing.push(() => client.destroy());
  client.setEncoding('latin1').write(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  let received = '';
  while (!received.includes('part')) received += String((await once(client, 'data'))[0]);
  expect(received).toMatch(/^HTTP\/1.1 200 /);
  // Without a key to sign with, or a ring, it may not decide any more.
  pool.setCredentials({ ...sampleCredentials([], null), serverCertificates });
  if (!client.closed) await once(client, 'close');
});
