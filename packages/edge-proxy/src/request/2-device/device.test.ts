import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { callOver, protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { type Identity, issue, TestPki } from '../testing/pki.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.upstream.forget());

const dayMs = 86_400_000;

describe.each(protocols)('the device of a request over %s', (protocol) => {
  const call = callOver[protocol];

  async function reasonFor(device: Identity | null): Promise<string> {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const response = await call(edge, { device, cookie });
    expect(edge.upstream.bytes).toBe('');
    expect(response.status).toBe(403);
    return (JSON.parse(response.body) as { code: string }).code;
  }

  it('is known by the fingerprint of its certificate', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    expect((await call(edge, { cookie })).status).toBe(200);
  });

  it('is known by its name in a certificate of our own before the row has arrived', async () => {
    const renewed = await edge.pki.deviceNamed('dev_laptop');
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    expect((await call(edge, { cookie, device: renewed })).status).toBe(200);
  });

  it('is not believed when another authority writes our name for it', async () => {
    const foreign = await issue((await TestPki.create()).device, {
      commonName: 'dev_laptop',
      uris: ['spiffe://corp.test/device/dev_laptop'],
      usage: 'client',
      days: 1,
    });
    expect(await reasonFor(foreign)).toBe('device_certificate_untrusted');
  });

  it('is unknown where a good certificate belongs to nobody (row 16)', async () => {
    expect(await reasonFor(edge.stranger)).toBe('device_unknown');
  });

  it('is bad, and never none, where the certificate is expired, too early or for servers', async () => {
    const expired = await edge.pki.deviceNamed('dev_laptop', {
      notBefore: new Date(Date.now() - 3 * dayMs),
      notAfter: new Date(Date.now() - dayMs),
    });
    const early = await edge.pki.deviceNamed('dev_laptop', {
      notBefore: new Date(Date.now() + dayMs),
      notAfter: new Date(Date.now() + 2 * dayMs),
    });
    const server = await issue(edge.pki.device, {
      commonName: 'dev_laptop',
      usage: 'server',
      days: 1,
    });
    expect(await reasonFor(expired)).toBe('device_certificate_expired');
    expect(await reasonFor(early)).toBe('device_certificate_untrusted');
    expect(await reasonFor(server)).toBe('device_certificate_unsuitable');
  });

  it('is not the authority itself (row 14)', async () => {
    const { certificatePem: cert, privateKeyPem: key } = edge.pki.device;
    expect(await reasonFor({ cert, key, sha256: '' })).toBe('device_certificate_unsuitable');
  });

  it('is no device where a certificate is only claimed in a header, which goes no further (row 17)', async () => {
    const claims = [
      `X-Forwarded-Client-Cert: Hash=${edge.laptop.sha256}`,
      'X-Client-Cert: anything',
      'SSL-Client-Cert: anything',
      'X-SSL-Client-Verify: SUCCESS',
      'X-ARR-ClientCert: anything',
      'Client-Cert: :YWJj:',
      'Client_Cert_Chain: :YWJj:',
    ];
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const refused = await call(edge, { device: null, cookie, headers: claims });
    expect(refused.status).toBe(403);
    expect(refused.body).toContain('device_certificate_missing');
    const through = await call(edge, { host: 'pub.corp.test', device: null, headers: claims });
    expect(through.status).toBe(200);
    expect(edge.upstream.bytes).not.toMatch(/cert|verify|anything/i);
  });

  it('is looked at again on each request of a connection (M4, M7)', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    const ask = async () => {
      client.send(`GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
      return (await client.response()).body;
    };
    expect(await ask()).toBe('hello');
    const blocked = { op: 'block', revocationId: 'rev_1', expiresAtMs: null } as const;
    await edge.apply('revoke', { ...blocked, kind: 'device', subjectId: 'dev_laptop' });
    expect(await ask()).toContain('device_revoked');
    await edge.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_1',
      kind: 'device',
      subjectId: 'dev_laptop',
    });
    expect(await ask()).toBe('hello');
    await edge.apply('revoke', {
      ...blocked,
      kind: 'certificate',
      subjectId: edge.laptop.sha256,
    });
    expect(await ask()).toContain('certificate_revoked');
    await edge.apply('revoke', {
      op: 'lifted_block',
      revocationId: 'rev_1',
      kind: 'certificate',
      subjectId: edge.laptop.sha256,
    });
    edge.clock.offsetMs = 6 * dayMs;
    expect(await ask()).toContain('device_certificate_expired');
    edge.clock.offsetMs = 0;
    expect(await ask()).toBe('hello');
    client.close();
  });
});
