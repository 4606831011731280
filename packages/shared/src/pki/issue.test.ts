import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { inspectCertificate } from './certificate.ts';
import { createCsr } from './csr.ts';
import { ecKeys } from './forge.ts';
import { createAuthority, issueCertificate, issueWithNewKey } from './issue.ts';
import { deviceIdOf, deviceUri, edgeIdOf, parseSpiffeEdgeUri, spiffeEdgeUri } from './spiffe.ts';

const authority = await createAuthority({ name: 'Test CA', days: 10 });

describe('issuing', () => {
  it('makes certificates that a TLS server and client accept of each other', async () => {
    const server = await issueWithNewKey(authority, {
      commonName: 'server',
      dns: ['server.example'],
      usage: 'server',
      days: 1,
    });
    const client = await issueWithNewKey(authority, { commonName: 'c', usage: 'client', days: 1 });
    const listener = createServer({
      key: server.privateKeyPem,
      cert: server.certificatePem,
      ca: authority.certificatePem,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.3',
    });
    listener.listen(0, '127.0.0.1');
    await once(listener, 'listening');
    const address = listener.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const accepted = once(listener, 'secureConnection');
    const socket = connect({
      port: address.port,
      host: '127.0.0.1',
      servername: 'server.example',
      ca: authority.certificatePem,
      key: client.privateKeyPem,
      cert: client.certificatePem,
    });
    await once(socket, 'secureConnect');
    const [connection] = (await accepted) as [TLSSocket];
    expect(connection.authorized).toBe(true);
    expect(connection.getPeerX509Certificate()?.raw).toEqual(Buffer.from(client.certificateDer));
    socket.destroy();
    connection.destroy();
    listener.close();
  });

  it('takes nothing but the key from a request', async () => {
    const { csrDer, privateKeyPem } = await createCsr({
      commonName: 'root',
      dns: ['evil.example'],
    });
    const order = { csrDer, commonName: 'device', usage: 'client', days: 1 } as const;
    const { certificatePem } = await issueCertificate(authority, order);
    const x509 = new X509Certificate(certificatePem);
    expect(x509.subject).toBe('CN=device');
    expect(inspectCertificate(certificatePem)?.dnsNames).toEqual([]);
    expect(x509.checkPrivateKey(createPrivateKey(privateKeyPem))).toBe(true);
  });

  it('never outlives the authority and gives no serial number twice', async () => {
    const order = { commonName: 'x', usage: 'client', days: 1000 } as const;
    const first = inspectCertificate((await issueWithNewKey(authority, order)).certificatePem);
    const second = inspectCertificate((await issueWithNewKey(authority, order)).certificatePem);
    expect(first?.notAfterMs).toBe(inspectCertificate(authority.certificatePem)?.notAfterMs);
    expect(first?.serialNumber).toHaveLength(32);
    expect(first?.serialNumber).not.toBe(second?.serialNumber);
  });

  it('keeps to the instants it is given', async () => {
    const notBefore = new Date('2026-01-02T03:04:05Z');
    const notAfter = new Date('2051-01-01T00:00:00Z');
    const ancient = await createAuthority({ name: 'long', notBefore, notAfter });
    const order = { commonName: 'x', usage: 'client', notBefore, notAfter } as const;
    const { certificatePem } = await issueWithNewKey(ancient, order);
    expect(inspectCertificate(certificatePem)).toMatchObject({
      notBeforeMs: notBefore.getTime(),
      notAfterMs: notAfter.getTime(),
    });
  });

  it.each([
    ['a DNS name with a NUL', { dns: ['good\0.evil'] }],
    ['a DNS name with a space', { dns: ['a b'] }],
    ['an address that is none', { ips: ['1.2.3'] }],
    ['a URI with a comma', { uris: ['https://a/, DNS:admin'] }],
    ['a common name with a control', { commonName: 'a\nb' }],
  ])('refuses %s', async (_, names) => {
    const order = { commonName: 'x', usage: 'client', days: 1, ...names } as const;
    await expect(issueWithNewKey(authority, order)).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  it('refuses a weak key and what is no key', async () => {
    const order = { commonName: 'x', usage: 'client', days: 1 } as const;
    const weak = ecKeys('prime192v1').publicKey.export({ type: 'spki', format: 'der' });
    for (const publicKey of [weak, Buffer.from('nonsense')]) {
      await expect(issueCertificate(authority, { ...order, publicKey })).rejects.toMatchObject({
        code: 'invalid_request',
      });
    }
  });

  it('does not issue from an end certificate', async () => {
    const leaf = await issueWithNewKey(authority, { commonName: 'x', usage: 'client', days: 1 });
    await expect(
      issueWithNewKey(leaf, { commonName: 'y', usage: 'client', days: 1 }),
    ).rejects.toThrow(TypeError);
  });
});

describe('names of edges and devices', () => {
  it('go into a URI and come back', () => {
    const uri = spiffeEdgeUri('corp.example', 'edg_1');
    expect(uri).toBe('spiffe://corp.example/edge/edg_1');
    expect(parseSpiffeEdgeUri(uri, 'corp.example')).toBe('edg_1');
    expect(edgeIdOf({ uris: [uri] }, 'corp.example')).toBe('edg_1');
    expect(deviceIdOf({ uris: [deviceUri('corp.example', 'dev_1')] }, 'corp.example')).toBe(
      'dev_1',
    );
  });

  it.each([
    'spiffe://other.example/edge/edg_1',
    'spiffe://corp.example/device/edg_1',
    'spiffe://corp.example/edge/',
    'spiffe://corp.example/edge/a/b',
    'spiffe://corp.example/edge/..',
    'spiffe://corp.example/edge/a?b',
    'SPIFFE://corp.example/edge/a',
    'spiffe://corp.example.evil/edge/a',
    ' spiffe://corp.example/edge/a',
    'spiffe://corp.example/edge/a\n',
  ])('are not read from %j', (uri) => {
    expect(parseSpiffeEdgeUri(uri, 'corp.example')).toBeNull();
  });

  it('are not believed of a certificate with two of them', () => {
    const uris = ['edg_1', 'edg_2'].map((id) => spiffeEdgeUri('corp.example', id));
    expect(edgeIdOf({ uris }, 'corp.example')).toBeNull();
    expect(edgeIdOf({ uris: [] }, 'corp.example')).toBeNull();
  });

  it('are refused where they cannot be in a URI', () => {
    expect(() => spiffeEdgeUri('Corp.example', 'edg_1')).toThrow(TypeError);
    expect(() => deviceUri('corp.example', '../admin')).toThrow(TypeError);
  });
});
