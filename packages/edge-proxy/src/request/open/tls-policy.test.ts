import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type SecureVersion, type TLSSocket } from 'node:tls';
import { builtInDeviceBundle } from '@sallyport/shared/configuration/documents';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { withListener } from '../testing/listener-settings.ts';
import { type Identity, TestPki } from '../testing/pki.ts';
import { agree, webSocketRequest } from '../testing/web-socket.ts';

type Policies = NonNullable<Parameters<typeof withListener>[1]['tlsPolicies']>;

const host = 'pub.corp.test';

let edge: TestEdge;
const sockets: TLSSocket[] = [];
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
afterEach(() => {
  edge.clock.offsetMs = 0;
  for (const socket of sockets.splice(0)) socket.destroy();
});
beforeEach(async () => {
  await use([]);
  await edge.settle();
  edge.upstream.script = (head, connection) =>
    /^upgrade: websocket/im.test(head)
      ? agree(head, connection)
      : 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n';
});

async function use(tlsPolicies: Policies): Promise<void> {
  await edge.apply('config', ...edge.configuration(withListener(edge, { tlsPolicies })));
}

interface How {
  readonly opened?: string;
  readonly device?: Identity | null;
  readonly version?: SecureVersion;
}

async function secure({ opened = host, device = edge.laptop, version }: How, protocol: string) {
  const socket = connect({
    host: '127.0.0.1',
    port: edge.port,
    ca: edge.pki.server.certificatePem,
    servername: opened,
    ALPNProtocols: [protocol],
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
    ...(device === null ? {} : { cert: device.cert, key: device.key }),
  });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

/** Each begins what does not end by itself, and gives its connection. */
const kinds = {
  'a response of HTTP/1.1': async (how: How) => {
    const socket = await secure(how, 'http/1.1');
    socket.write(`GET /stream HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    await once(socket, 'data');
    return socket;
  },
  'a stream of HTTP/2': async (how: How) => {
    const socket = await secure(how, 'h2');
    const session = connectHttp2(`https://${host}`, { createConnection: () => socket });
    session.on('error', () => undefined);
    const stream = session.request({ ':authority': host, ':path': '/stream' });
    stream.on('error', () => undefined);
    await once(stream, 'response');
    return socket;
  },
  'a WebSocket': async (how: How) => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const socket = await secure({ ...how, opened: 'app.corp.test' }, 'http/1.1');
    socket.write(webSocketRequest(cookie));
    await once(socket, 'data');
    return socket;
  },
};
const each = Object.keys(kinds) as (keyof typeof kinds)[];
const ofEverybody = each.slice(0, 2);

/** How the one exchange that was under way has ended. */
async function ending(): Promise<unknown> {
  await expect.poll(() => edge.records.all.length, { timeout: 5_000 }).toBe(1);
  expect(edge.worker.openExchanges()).toBe(0);
  return edge.records.all[0]?.ending;
}

describe('what is asked of connections ends what is under way against it, when it changes:', () => {
  it.each(each)('%s over a version of TLS that is too old', async (kind) => {
    await kinds[kind]({ version: 'TLSv1.2' });
    const young = await kinds[kind]({ version: 'TLSv1.3' });
    const hosts = [host, 'app.corp.test'];
    await use([{ name: 'strict', hosts, minVersion: 'TLSv1.3' }]);
    await expect.poll(() => edge.worker.openExchanges()).toBe(1);
    expect(edge.records.all.map((record) => record.ending)).toEqual(['revoked']);
    expect(young.destroyed).toBe(false);
  });

  it.each(ofEverybody)('%s on a connection for a host of another policy now', async (kind) => {
    await kinds[kind]({ opened: 'app.corp.test' });
    await use([{ name: 'apart', hosts: [host] }]);
    expect(await ending()).toBe('revoked');
  });

  it.each(ofEverybody)('%s of a client without a device certificate', async (kind) => {
    await kinds[kind]({ device: null });
    const known = await kinds[kind]({});
    await use([{ name: 'devices', hosts: [host], deviceCertificate: 'required' }]);
    await expect.poll(() => edge.worker.openExchanges()).toBe(1);
    expect(edge.records.all.map((record) => record.ending)).toEqual(['revoked']);
    expect(known.destroyed).toBe(false);
  });

  it.each(each)('%s when the certificate that has to be there ends', async (kind) => {
    const hosts = [host, 'app.corp.test'];
    await use([{ name: 'devices', hosts, deviceCertificate: 'required' }]);
    const notAfter = new Date(Date.now() + 60_000);
    await kinds[kind]({ device: await edge.pki.deviceNamed('dev_laptop', { notAfter }) });
    edge.clock.offsetMs = 61_000;
    expect(await ending()).toBe('expired');
  });

  it.each(each)('%s when the authority of its certificate is none any more', async (kind) => {
    await kinds[kind]({});
    const elsewhere = await TestPki.create();
    const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
      document.kind === 'TrustBundle' && document.metadata.name === builtInDeviceBundle
        ? {
            ...document,
            spec: { ...document.spec, certificates: elsewhere.device.certificatePem },
          }
        : document,
    );
    await edge.apply('config', ...edge.configuration(documents));
    expect(await ending()).toBe('revoked');
  });
});
