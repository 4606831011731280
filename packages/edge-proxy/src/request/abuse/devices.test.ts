import { builtInDeviceBundle } from '@sallyport/shared/configuration/documents';
import {
  distinguishedName,
  type ForgeOptions,
  fingerprint,
  forge,
  forgeAuthority,
  keyEncipherment,
  seq,
  serverPurpose,
  textName,
} from '@sallyport/shared/pki/forge';
import { deviceUri } from '@sallyport/shared/pki/spiffe';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { protocols } from '../testing/client-h2.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle } from '../testing/oracle.ts';
import { type Identity, trustDomain } from '../testing/pki.ts';

const authority = forgeAuthority({ name: 'Devices by hand' });
const device = forge({ issuer: authority });
const uri = deviceUri(trustDomain, 'dev_laptop');
let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  const documents = testDocuments(edge.pki, edge.upstream.port).map((document) => {
    if (document.metadata.name !== builtInDeviceBundle) return document;
    const certificates = edge.pki.device.certificatePem + authority.pem;
    return { ...document, spec: { ...document.spec, certificates } };
  });
  await edge.apply('config', ...edge.configuration(documents as never));
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

function shown(options: ForgeOptions): Identity {
  const { der, keys, pem } = forge({ issuer: authority, ...options });
  const key = keys.privateKey.export({ type: 'pkcs8', format: 'pem' });
  return { cert: pem, key, sha256: fingerprint(der) };
}

describe.each(protocols)('a device over %s', (protocol) => {
  let alice: Oracle;
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it.each(['device', 'certificate'] as const)(
    'row 4: is refused from its revocation on, by its %s, on what it has open and anew',
    async (kind) => {
      const subjectId = kind === 'device' ? 'dev_laptop' : edge.laptop.sha256;
      const block = { revocationId: `rev_${kind}`, kind, subjectId } as const;
      const client = await alice.client();
      expect((await client.ask({ cookie: alice.cookie })).status).toBe(200);
      await edge.apply('revoke', { op: 'block', expiresAtMs: null, ...block });
      await edge.settle();
      expect((await client.ask({ cookie: alice.cookie })).status).toBe(403);
      expect((await alice.call()).status).toBe(403);
      client.close();
      expect(edge.upstream.bytes).toBe('');
      await expect.poll(() => edge.records.all.length).toBe(2);
      for (const { reasons } of edge.records.all) expect(reasons).toContain(`${kind}_revoked`);
      await edge.apply('revoke', { op: 'lifted_block', ...block });
      expect((await alice.call()).status).toBe(200);
    },
  );

  it.each<[number, string, ForgeOptions, string]>([
    [12, 'two common names', { subject: twoNames() }, 'device_unknown'],
    [12, 'line ends in its name', { subject: named('a\r\n\x1b[2J') }, 'device_unknown'],
    [12, 'a name within its name', { subject: named('a, CN=dev_laptop') }, 'device_unknown'],
    [12, 'slashes in its name', { subject: named('/CN=a+CN=dev_laptop') }, 'device_unknown'],
    [12, 'no name', { subject: seq() }, 'device_unknown'],
    [
      13,
      'a NUL in a DNS name',
      { names: [textName(2, 'good\0.evil')] },
      'device_certificate_unsuitable',
    ],
    [
      13,
      'a DNS name printed behind ours',
      { names: [textName(6, `${uri}, DNS:a`)] },
      'device_certificate_unsuitable',
    ],
    [
      13,
      'a NUL behind our name for it',
      { names: [textName(6, `${uri}\0`)] },
      'device_certificate_unsuitable',
    ],
    [13, 'our name as a DNS name', { names: [textName(2, uri)] }, 'device_certificate_unsuitable'],
    [
      13,
      'a name printed as two',
      { names: [textName(6, `x:y, URI:${uri}`)] },
      'device_certificate_unsuitable',
    ],
    [14, 'the purpose of servers', { purposes: [serverPurpose] }, 'device_certificate_unsuitable'],
    [14, 'the power to sign others', { ca: true }, 'device_certificate_unsuitable'],
    [14, 'no purpose', { purposes: null }, 'device_certificate_unsuitable'],
    [14, 'no right to sign', { keyUsage: keyEncipherment }, 'device_certificate_unsuitable'],
    [14, 'a device for its issuer', { issuer: device }, 'device_certificate_untrusted'],
    [15, 'a signature with SHA-1', { hash: 'sha1' }, 'device_certificate_unsuitable'],
    [16, 'nothing wrong, and no row', {}, 'device_unknown'],
  ])('row %d: is refused with %s in its certificate', async (_row, _name, options, code) => {
    const device = shown(options);
    const response = await alice.call({ device });
    expect([response.status, response.body.includes(`"${code}"`)]).toEqual([403, true]);
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.records.all.length).toBe(1);
    const [record] = edge.records.all;
    expect(record).toMatchObject({ deviceId: null, certificateSha256: device.sha256 });
    expect(record?.reasons).toContain(code);
  });
});

function named(name: string): Uint8Array {
  return distinguishedName([['2.5.4.3', name]]);
}

function twoNames(): Uint8Array {
  return distinguishedName([['2.5.4.3', 'good']], [['2.5.4.3', 'dev_laptop']]);
}
