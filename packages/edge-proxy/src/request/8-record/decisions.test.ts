import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { sampleBundle } from '../../testing/sample-state.ts';
import { call, RawClient } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok } from '../testing/recorder.ts';

const host = 'app.corp.test';
let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

/** Offers a handshake that is refused. */
async function shake(options: ConnectionOptions): Promise<void> {
  const socket = connect({
    host: '127.0.0.1',
    port: edge.port,
    rejectUnauthorized: false,
    ...options,
  });
  socket.on('error', () => undefined);
  socket.on('secureConnect', () => socket.end());
  await new Promise((resolve) => socket.once('close', resolve));
}

/** Sends bytes that are no handshake. */
async function sendPlain(bytes: string): Promise<void> {
  const socket = connectTcp(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.resume();
  socket.write(bytes);
  await new Promise((resolve) => socket.once('close', resolve));
}

async function send(head: string): Promise<void> {
  const client = await RawClient.connect(edge, host, edge.laptop);
  client.send(head);
  await client.response();
  client.close();
}

/** A request that is let through and never answered, whose client goes away. */
async function abort(): Promise<void> {
  edge.upstream.script = () => null;
  const client = await RawClient.connect(edge, host, edge.laptop);
  client.send(`GET /hang HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  await expect.poll(() => edge.upstream.bytes).toContain('/hang');
  client.close();
  await expect.poll(() => edge.worker.openExchanges()).toBe(0);
  edge.upstream.script = ok;
}

async function upgrade(): Promise<void> {
  edge.upstream.script = () =>
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n';
  const client = await RawClient.connect(edge, host, edge.laptop);
  client.send(
    `GET /ws HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\nConnection: Upgrade\r\n` +
      `Upgrade: websocket\r\nOrigin: https://${host}\r\nSec-WebSocket-Version: 13\r\n` +
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n',
  );
  await client.until(/\r\n\r\n/);
  client.close();
  await expect.poll(() => edge.worker.openExchanges()).toBe(0);
  edge.upstream.script = ok;
}

const outcome = ({ outcome: verdict, reasons, status }: AccessRecord) =>
  `${verdict} ${reasons[0]} ${status}`;

describe('one line for each decision (row 144)', () => {
  it('is written for whatever came, with who, from where, what, why and by which policy', async () => {
    const way: [expected: string, () => Promise<unknown>][] = [
      ['permit rule_allowed 200', () => call(edge, { cookie, path: '/a' })],
      ['deny device_unknown 403', () => call(edge, { cookie, device: edge.stranger })],
      ['sign_in session_required 401', () => call(edge)],
      ['permit rule_allowed 0', abort],
      ['permit rule_allowed 101', upgrade],
      ['refused path_ambiguous 400', () => call(edge, { cookie, path: '/a//b' })],
      [
        'refused framing_ambiguous 400',
        () => send(`POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n`),
      ],
      ['refused malformed 400', () => send('NOT A REQUEST\r\n\r\n')],
      [
        'refused headers_too_large 431',
        () => send(`GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: ${'x'.repeat(65_536)}\r\n\r\n`),
      ],
      ['refused host_misdirected 421', () => send('GET / HTTP/1.1\r\nHost: www.evil.test\r\n\r\n')],
      ['refused server_name_unknown 0', () => shake({ servername: 'www.evil.test' })],
      [
        'refused tls_failed 0',
        () =>
          shake({
            servername: host,
            maxVersion: 'TLSv1.1',
            minVersion: 'TLSv1',
            ciphers: 'ALL:@SECLEVEL=0',
          }),
      ],
      ['refused tls_failed 0', () => shake({})],
      ['refused tls_failed 0', () => sendPlain('GET / HTTP/1.1\r\n\r\n')],
    ];
    for (const [index, [, go]] of way.entries()) {
      await go();
      await expect.poll(() => edge.records.all.length).toBe(index + 1);
    }
    expect(edge.records.all.map(outcome)).toEqual(way.map(([expected]) => expected));
    const { all } = edge.records;
    expect(new Set(all.map(({ correlationId }) => correlationId)).size).toBe(way.length);
    for (const record of all) {
      expect(record).toMatchObject({
        kind: 'access',
        edge: 'edg_test',
        sourceAddress: '127.0.0.1',
      });
      expect(record.time).toMatch(/^\d{4}-\d\d-\d\dT/);
      expect([record.reasons.length > 0, typeof record.path]).toEqual([true, 'string']);
      const tls = record.reasons.some((code) => /^tls|^server_name/.test(code));
      const certificate = [edge.laptop.sha256, edge.stranger.sha256];
      if (tls) expect(record.certificateSha256).toBeNull();
      else expect(certificate).toContain(record.certificateSha256);
      if (record.outcome !== 'refused') expect(record.configVersion).toBe(1);
      if (record.outcome === 'permit') expect(record.userId).toBe('usr_alice');
    }
  });

  it('is not written for a connection on which nothing was said, as health checks make them', async () => {
    const silent = connectTcp(edge.port, '127.0.0.1');
    await once(silent, 'connect');
    silent.end();
    await once(silent, 'close');
    await call(edge);
    expect(edge.records.all.map(outcome)).toEqual(['sign_in session_required 401']);
  });

  it('is only counted for most of a flood of refused handshakes', async () => {
    for (let round = 0; round < 260; round += 10) {
      await Promise.all(Array.from({ length: 10 }, () => sendPlain('no handshake\r\n\r\n')));
    }
    await expect.poll(() => edge.records.all.length + edge.recordsLost).toBe(260);
    expect(edge.recordsLost).toBeGreaterThan(0);
  });
});

describe('a route that demands records', () => {
  it('lets nobody through while none can be kept, alone, and by itself again', async () => {
    const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
      document.kind === 'Route' && document.metadata.name === 'app'
        ? { ...document, spec: { ...document.spec, records: { required: true } } }
        : document,
    );
    const release = { op: 'release', ring: 'default', version: 9, shadowVersion: null } as const;
    await edge.apply('config', sampleBundle(9, documents), release);
    const open = () => call(edge, { host: 'pub.corp.test' });
    expect((await call(edge, { cookie })).status).toBe(200);
    edge.recordsFull = true;
    await edge.settle();
    const refused = await call(edge, { cookie });
    expect([refused.status, refused.header('retry-after')]).toEqual([503, '5']);
    expect(refused.body).toContain('audit_unavailable');
    expect(edge.upstream.bytes).toBe('');
    expect((await call(edge)).status).toBe(401);
    expect((await open()).status).toBe(200);
    const records = edge.records.all.filter(({ route }) => route === 'app');
    expect(records.map(({ status, reasons }) => [status, reasons.at(-1)])).toEqual([
      [503, 'audit_unavailable'],
      [401, 'session_required'],
    ]);
    edge.recordsFull = false;
    expect((await call(edge, { cookie })).status).toBe(200);
  });
});
