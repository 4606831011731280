import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { builtInDeviceBundle } from '@sallyport/shared/configuration/documents';
import {
  distinguishedName,
  ecKeys,
  extension,
  type Forged,
  type ForgeOptions,
  fingerprint,
  forge,
  forgeAuthority,
  keyEncipherment,
  oid,
  seq,
  serverPurpose,
  textName,
  tlv,
} from '@sallyport/shared/pki/forge';
import { deviceUri } from '@sallyport/shared/pki/spiffe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, type RawResponse } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { trustDomain } from '../testing/pki.ts';

/** Certificates that no library writes, shown in real handshakes. */

const host = 'app.corp.test';
const commonName = '2.5.4.3';
const organisation = '2.5.4.10';
const authority = forgeAuthority({ name: 'Devices by hand' });
const named = textName(6, deviceUri(trustDomain, 'dev_laptop'));

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  // One of our own, so that the names in its certificates are believed.
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
    document.kind === 'TrustBundle' && document.metadata.name === builtInDeviceBundle
      ? {
          ...document,
          spec: { ...document.spec, certificates: document.spec.certificates + authority.pem },
        }
      : document,
  );
  await edge.apply('config', ...edge.configuration(documents));
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

/** The answer to a device with this certificate; null: its handshake came to nothing. */
async function show(
  { pem, keys }: Pick<Forged, 'pem' | 'keys'>,
  chain = '',
): Promise<RawResponse | null> {
  const client = await RawClient.connect(
    edge,
    host,
    {
      cert: pem + chain,
      key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }),
      sha256: '',
    },
    // Clients that are less careful than ours.
    { ciphers: 'DEFAULT:@SECLEVEL=0' },
  );
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  const response = await client.response().catch(() => null);
  client.close();
  return response;
}

const of = (options: ForgeOptions) => forge({ issuer: authority, ...options });

/** The code of the refusal, of which nothing has reached the upstream. */
async function refusal(certificate: Pick<Forged, 'pem' | 'keys'>, chain = ''): Promise<string> {
  const response = await show(certificate, chain);
  expect(edge.upstream.bytes).toBe('');
  if (response === null) return 'no handshake';
  expect(response.status).toBe(403);
  return (JSON.parse(response.body) as { code: string }).code;
}

describe('a device certificate', () => {
  it('that is as it should be is taken', async () => {
    expect((await show(of({ names: [named] })))?.status).toBe(200);
  });

  it.each([
    ['two common names', distinguishedName([[commonName, 'good']], [[commonName, 'admin']])],
    ['another name within its organisation', distinguishedName([[organisation, 'a, CN=admin']])],
    ['names that are written with slashes', distinguishedName([[commonName, '/CN=a+CN=b']])],
    [
      'two names in one',
      distinguishedName([
        [commonName, 'a'],
        [commonName, 'dev_other'],
      ]),
    ],
    ['line ends and a terminal in its name', distinguishedName([[commonName, 'a\r\n\x1b[2J']])],
    ['a NUL in its name', distinguishedName([[commonName, 'dev_laptop\0.evil']])],
    ['an empty name', seq()],
  ])('is known by its fingerprint alone, with %s (row 12)', async (_name, subject) => {
    const unknown = of({ subject });
    const code = await refusal(unknown);
    expect(['device_unknown', 'device_certificate_unsuitable']).toContain(code);
    const known = of({ subject });
    const sha256 = fingerprint(known.der);
    await edge.apply('directory', {
      op: 'device_certificate',
      sha256,
      deviceId: 'dev_laptop',
      notBeforeMs: 0,
      notAfterMs: Date.now() + 1e9,
    });
    await edge.settle();
    const status = (await show(known))?.status;
    expect(status).toBe(code === 'device_unknown' ? 200 : 403);
    await expect.poll(() => edge.records.all.length).toBe(1);
    const written = JSON.stringify(edge.records.all) + edge.logged.join('\n');
    expect(written).not.toMatch(/admin|evil|CN=|\\u001b|dev_other/);
    expect(edge.records.all[0]).toMatchObject({ certificateSha256: sha256 });
  });

  const uri = deviceUri(trustDomain, 'dev_laptop');
  it.each([
    ['a NUL in a DNS name', [textName(2, 'good\0.evil')]],
    ['a NUL behind our name for a device', [textName(6, `${uri}\0`)]],
    ['a NUL before the end of our name', [textName(6, `${uri}\0.evil`)]],
    ['a name that is printed as two', [textName(6, `https://a/, URI:${uri}`)]],
    ['our name with another printed behind it', [textName(6, `${uri}, DNS:a`)]],
    ['our name in quotes', [textName(6, `"${uri}"`)]],
    ['our name as a DNS name', [textName(2, uri)]],
    ['our name in an address of e-mail', [textName(1, `${uri}@evil.test`)]],
    ['a star for a DNS name', [textName(2, '*.corp.test')]],
    ['our name in capital letters', [textName(6, uri.toUpperCase())]],
    ['our name with an escape', [textName(6, uri.replace('dev_', 'dev%5F'))]],
    ['our name with a path behind it', [textName(6, `${uri}/..`)]],
    ['our name twice', [named, named]],
    ['our name and that of another', [named, textName(6, deviceUri(trustDomain, 'dev_other'))]],
    ['the name of an edge', [textName(6, `spiffe://${trustDomain}/edge/dev_laptop`)]],
    ['the name of a device elsewhere', [textName(6, deviceUri('evil.test', 'dev_laptop'))]],
  ])('is nobody known, with %s (row 13)', async (_name, names) => {
    const code = await refusal(of({ names }));
    expect(['device_unknown', 'device_certificate_unsuitable']).toContain(code);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]?.deviceId).toBeNull();
  });

  const leaf = of({ names: [named] });
  it.each([
    ['without a purpose', of({ names: [named], purposes: null }), 'unsuitable'],
    ['for servers alone', of({ names: [named], purposes: [serverPurpose] }), 'unsuitable'],
    ['for any purpose', of({ names: [named], purposes: ['2.5.29.37.0'] }), 'unsuitable'],
    ['that is an authority', of({ names: [named], ca: true }), 'unsuitable'],
    ['that may not sign', of({ names: [named], keyUsage: keyEncipherment }), 'unsuitable'],
    ['without the use of its key', of({ names: [named], keyUsage: null }), 'unsuitable'],
    ['that a device has signed', forge({ names: [named], issuer: leaf }), 'untrusted'],
    ['that has signed itself', forge({ names: [named] }), 'untrusted'],
    [
      'that has signed itself in our name',
      forge({ names: [named], name: 'Devices by hand' }),
      'untrusted',
    ],
  ])('%s is refused after the handshake (row 14)', async (_name, certificate, problem) => {
    expect(await refusal(certificate, leaf.pem)).toBe(`device_certificate_${problem}`);
  });

  it.each([
    ['a key of RSA with 1,024 bits', of({ names: [named], keys: rsa(1_024) })],
    ['a key on P-192', of({ names: [named], keys: ecKeys('prime192v1') })],
    ['a key of Ed448', of({ names: [named], keys: generateKeyPairSync('ed448') })],
    ['a signature with SHA-1', of({ names: [named], hash: 'sha1' })],
  ])('with %s is refused (row 15)', async (_name, certificate) => {
    const code = await refusal(certificate).catch(() => 'no handshake');
    // Or the client cannot even sign with it in a way that is taken.
    const missing = 'device_certificate_missing';
    expect(['no handshake', 'device_certificate_unsuitable', missing]).toContain(code);
  });

  it('whose lists of revocations nobody can reach is taken, and they are not asked for (row 18)', async () => {
    let asked = 0;
    const dead = createServer((socket) => {
      asked += 1;
      socket.destroy();
    });
    dead.listen(0, '127.0.0.1');
    await once(dead, 'listening');
    const url = textName(6, `http://127.0.0.1:${(dead.address() as AddressInfo).port}/`);
    const more = [
      // CRL distribution points and authority information access: RFC 5280, sections 4.2.1.13 and 4.2.2.1.
      extension('2.5.29.31', seq(seq(tlv(0xa0, tlv(0xa0, url))))),
      extension('1.3.6.1.5.5.7.1.1', seq(seq(oid('1.3.6.1.5.5.7.48.1'), url))),
    ];
    const certificate = of({ names: [named], more });
    expect((await show(certificate))?.status).toBe(200);
    const block = { revocationId: 'rev_odd', kind: 'certificate' } as const;
    const subjectId = fingerprint(certificate.der);
    await edge.apply('revoke', { op: 'block', expiresAtMs: null, ...block, subjectId });
    edge.upstream.forget();
    expect(await refusal(certificate)).toBe('certificate_revoked');
    expect(asked).toBe(0);
    dead.close();
  });

  const nineOthers = Array.from({ length: 9 }, () => forgeAuthority().pem).join('');
  it.each<[string, Pick<Forged, 'pem' | 'keys'>, string]>([
    ['99 others behind it', leaf, nineOthers.repeat(11)],
    ['ten behind it', leaf, nineOthers + forgeAuthority().pem],
    ['an extension of 64 KiB', of({ names: [named], more: [large(65_536)] }), ''],
    ['99 others behind it, and nobody believes it', forge(), nineOthers.repeat(11)],
    ['an extension of 64 KiB, and nobody believes it', forge({ more: [large(65_536)] }), ''],
    ['an extension of 20 KiB, and nobody believes it', forge({ more: [large(20_000)] }), ''],
    ['an extension of 16 KiB behind it', leaf, forgeAuthority({ more: [large(16_384)] }).pem],
  ])('with %s ends its connection, and is recorded (row 23)', async (_name, certificate, chain) => {
    expect(await show(certificate, chain).catch(() => null)).toBeNull();
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      outcome: 'refused',
      reasons: ['certificates_too_large'],
      status: 0,
      host,
    });
    expect((await show(leaf))?.status).toBe(200);
  });

  it('is looked at alone where a few others stand behind it', async () => {
    expect((await show(leaf, nineOthers))?.status).toBe(200);
    edge.upstream.forget();
    const strangers = forge({ more: [large(8_192)] });
    expect(await refusal(strangers, nineOthers)).toBe('device_certificate_untrusted');
  });

  it('or none is asked for as ever where much is sent right behind the handshake', async () => {
    for (const [device, status] of [
      [null, 403],
      [edge.laptop, 200],
    ] as const) {
      const client = await RawClient.connect(edge, host, device);
      const head = `POST / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n`;
      client.send(`${head}Content-Length: 200000\r\n\r\n${'x'.repeat(200_000)}`);
      expect((await client.response()).status).toBe(status);
      client.close();
    }
  });

  it('with the parameters of a curve in the place of its name is refused (row 23)', async () => {
    const keys = ecKeys('P-256', 'explicit');
    expect(await refusal(of({ names: [named], keys }))).toBe('device_certificate_unsuitable');
  });
});

function large(bytes: number): Uint8Array {
  return extension('1.2.3.4', new Uint8Array(bytes));
}

function rsa(modulusLength: number) {
  return generateKeyPairSync('rsa', { modulusLength });
}
