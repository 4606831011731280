import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, RawClient } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { issue, TestPki } from '../testing/pki.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

/** How a handshake ends: the socket, or the code it failed with. */
async function handshake(options: ConnectionOptions): Promise<TLSSocket | string> {
  const socket = connect({
    host: '127.0.0.1',
    port: edge.port,
    rejectUnauthorized: false,
    ...options,
  });
  return new Promise((resolve) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    socket.once('close', () => resolve('closed'));
  });
}

async function peerName(options: ConnectionOptions): Promise<string> {
  const socket = await handshake(options);
  if (typeof socket === 'string') return socket;
  const names = socket.getPeerX509Certificate()?.subjectAltName ?? '';
  socket.destroy();
  return names;
}

describe('the listener', () => {
  it.each([
    ['none at all', undefined],
    ['of another company', 'www.evil.test'],
    ['of two labels under a wildcard', 'a.b.fin.test'],
    ['of nothing under a wildcard', 'fin.test'],
    ['with an underscore', 'app_.corp.test'],
    ['that is a star', '*'],
    ['in broken punycode', 'xn--\u{ff}'],
    ['of 300 bytes', `${'a'.repeat(60)}.`.repeat(5)],
  ])(
    'ends the handshake of a client that asks for a name %s (row 7)',
    async (_name, servername) => {
      const outcome = await handshake(servername === undefined ? {} : { servername });
      expect(typeof outcome).toBe('string');
      expect((await call(edge)).status).toBe(401);
    },
  );

  it('finds names in any case, with a trailing dot and by a wildcard (M2, M3)', async () => {
    expect(await peerName({ servername: 'APP.corp.TEST' })).toContain('app.corp.test');
    expect(await peerName({ servername: 'app.corp.test.' })).toContain('app.corp.test');
    expect(await peerName({ servername: 'Reports.fin.test' })).toBe('DNS:*.fin.test');
  });

  it('offers nothing older than TLS 1.2 and no weak cipher (row 20)', async () => {
    const servername = 'app.corp.test';
    const weak = { servername, ciphers: 'ALL:@SECLEVEL=0' } as const;
    expect(typeof (await handshake({ ...weak, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }))).toBe(
      'string',
    );
    for (const ciphers of ['AES128-SHA', 'ECDHE-ECDSA-AES128-SHA256', 'ECDHE-ECDSA-AES128-CCM']) {
      const outcome = await handshake({ servername, ciphers, maxVersion: 'TLSv1.2' });
      expect(typeof outcome).toBe('string');
    }
  });

  it('negotiates nothing anew on a connection (row 20)', async () => {
    const options = { maxVersion: 'TLSv1.2' } as const;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop, options);
    const outcome = await new Promise<Error | null>((resolve) => {
      client.socket.once('error', resolve);
      client.socket.renegotiate({ rejectUnauthorized: false }, resolve);
    });
    expect(outcome).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
    client.close();
    expect((await call(edge)).status).toBe(401);
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('resumes no session of %s (M1, M4)', async (version) => {
    const options = { minVersion: version, maxVersion: version } as const;
    const first = await RawClient.connect(edge, 'app.corp.test', edge.laptop, options);
    let session: Buffer | undefined = first.socket.getSession();
    first.socket.on('session', (later: Buffer) => {
      session = later;
    });
    first.send('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    await first.response();
    first.close();
    const again = await handshake({
      ...options,
      servername: 'admin.corp.test',
      ...(session === undefined ? {} : { session }),
    });
    if (typeof again === 'string') throw new Error(again);
    expect(again.isSessionReused()).toBe(false);
    again.destroy();
  });

  it('serves a hello that comes in single bytes like any other (row 10)', async () => {
    const tcp = connectTcp(edge.port, '127.0.0.1');
    await once(tcp, 'connect');
    tcp.setNoDelay(true);
    // Everything the client writes leaves byte by byte.
    const write = tcp.write.bind(tcp);
    tcp.write = ((chunk: Buffer) => {
      for (const byte of chunk) write(Buffer.of(byte));
      return true;
    }) as typeof tcp.write;
    const socket = connect({ socket: tcp, servername: 'app.corp.test', rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    socket.write('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString('latin1')).toMatch(/^HTTP\/1\.1 403 /);
    socket.destroy();
  });

  it('names the authorities of devices to clients, and the new ones after a change', async () => {
    const another = await TestPki.create();
    const spare = await issue(another.device, {
      commonName: 'laptop',
      usage: 'client',
      days: 1,
    });
    expect((await call(edge, { device: spare, page: true })).body).toContain(
      'device_certificate_untrusted',
    );
    const open = await RawClient.connect(edge, 'app.corp.test', spare);
    const documents = testDocuments(edge.pki, edge.upstream.port, [
      {
        apiVersion: 'sallyport.dev/v1',
        kind: 'TrustBundle',
        metadata: { name: 'more-devices' },
        spec: { use: ['device'], certificates: another.device.certificatePem },
      },
    ]);
    await edge.apply('config', ...edge.configuration(documents));
    // On a new connection, and on one that was open all along.
    expect((await call(edge, { device: spare, page: true })).body).toContain('device_unknown');
    open.send('GET / HTTP/1.1\r\nHost: app.corp.test\r\nAccept: text/html\r\n\r\n');
    expect((await open.response()).body).toContain('device_unknown');
    open.close();
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, edge.upstream.port)));
    expect((await call(edge, { device: spare, page: true })).body).toContain(
      'device_certificate_untrusted',
    );
  });

  it('takes new server certificates without dropping a connection, and never worse ones', async () => {
    const open = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    const before = edge.state.current.serverCertificates();
    const renewed = await edge.pki.servers('app.corp.test', 'new.corp.test');
    edge.setCredentials({
      serverCertificates: [...before, { certificatePem: renewed.cert, privateKeyPem: renewed.key }],
    });
    expect(await peerName({ servername: 'new.corp.test' })).toContain('new.corp.test');
    edge.setCredentials({
      serverCertificates: [{ certificatePem: 'not a certificate', privateKeyPem: '' }],
    });
    expect(await peerName({ servername: 'new.corp.test' })).toContain('new.corp.test');
    expect(edge.logged.join('')).toContain('listener_contexts_not_replaced');
    open.send('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    expect((await open.response()).status).toBe(401);
    open.close();
  });

  it('outlives clients that break off in every way', async () => {
    for (const bytes of [
      '',
      '\x16\x03\x01',
      'GET',
      '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    ]) {
      const socket = connectTcp(edge.port, '127.0.0.1');
      socket.on('error', () => undefined);
      await once(socket, 'connect');
      socket.write(bytes, 'latin1', () => socket.resetAndDestroy());
      await once(socket, 'close');
    }
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send('GET / HTTP/1.1\r\nHost: app.co');
    client.close();
    expect((await call(edge)).status).toBe(401);
  });
});
