import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCsr } from './csr.ts';
import { deviceAuthorities } from './device-authorities.ts';
import {
  checkDeviceCertificate,
  checkEnrolment,
  verifyDeviceCertificate,
} from './device-certificate.ts';
import {
  clientPurpose,
  digitalSignature,
  ecKeys,
  extension,
  type ForgeOptions,
  fingerprint,
  forge,
  forgeAuthority,
  keyCertSign,
  keyEncipherment,
  seq,
  serverPurpose,
  textName,
} from './forge.ts';
import { createAuthority, issueCertificate } from './issue.ts';
import { deviceUri } from './spiffe.ts';

const now = Date.parse('2026-06-01T00:00:00Z');
const authority = forgeAuthority({ name: 'Device CA' });
const trusted = deviceAuthorities([{ name: 'corp', certificates: authority.pem }]);
const check = (options: ForgeOptions, at = now) =>
  checkDeviceCertificate(forge({ issuer: authority, ...options }).der, trusted, at);
const rsa = (modulusLength: number) => generateKeyPairSync('rsa', { modulusLength });

describe('a device certificate', () => {
  it('is good when an authority of a bundle issued it for client authentication', () => {
    const good = forge({ issuer: authority });
    expect(verifyDeviceCertificate(good.der, trusted, now)).toMatchObject({
      ok: true,
      bundle: 'corp',
      certificate: { sha256: fingerprint(good.der) },
      validUntilMs: Date.parse('2027-01-01T00:00:00Z'),
    });
  });

  it('is judged the same as an X509Certificate of a connection', () => {
    const good = new X509Certificate(forge({ issuer: authority }).der);
    expect(checkDeviceCertificate(good, trusted, now)).toBe('ok');
  });

  it('is good when our own authority issued it', async () => {
    const own = await createAuthority({ name: 'own', days: 10 });
    const { csrDer } = await createCsr({ commonName: 'laptop' });
    const uris = [deviceUri('corp.example', 'dev_1')];
    const order = { csrDer, commonName: 'laptop', uris, usage: 'client', days: 30 } as const;
    const { certificateDer } = await issueCertificate(own, order);
    const bundles = deviceAuthorities([{ name: 'own', certificates: own.certificatePem }]);
    const result = verifyDeviceCertificate(certificateDer, bundles, Date.now());
    expect(result).toMatchObject({ ok: true, bundle: 'own', certificate: { uris } });
  });

  it.each([
    ['P-384', { keys: ecKeys('P-384') }],
    ['Ed25519', { keys: generateKeyPairSync('ed25519') }],
    ['RSA with 2048 bits', { keys: rsa(2048) }],
  ])('may have a key of the type %s', (_, options) => {
    expect(check(options)).toBe('ok');
  });

  it.each([
    ['no extended key usage', { purposes: null }],
    ['server authentication only', { purposes: [serverPurpose] }],
    ['any purpose instead of client authentication', { purposes: ['2.5.29.37.0'] }],
    ['an empty list of purposes', { purposes: [] }],
    ['the CA flag', { ca: true }],
    ['a key usage without digitalSignature', { keyUsage: keyEncipherment }],
    ['the key usage of an authority', { keyUsage: keyCertSign }],
    ['no key usage', { keyUsage: null }],
    ['a key of RSA with 1024 bits', { keys: rsa(1024) }],
    ['a key on P-192', { keys: ecKeys('prime192v1') }],
    ['a key on secp256k1', { keys: ecKeys('secp256k1') }],
    ['curve parameters instead of a name', { keys: ecKeys('P-256', 'explicit') }],
    ['a key of the type Ed448', { keys: generateKeyPairSync('ed448') }],
    ['a signature with SHA-1', { hash: 'sha1' as const }],
    ['a NUL in a DNS name', { names: [textName(2, 'good\0.evil')] }],
    ['a URI that reads as two names', { names: [textName(6, 'https://a/, DNS:admin')] }],
    ['a control in a URI', { names: [textName(6, 'spiffe://a/device/x\n')] }],
    ['a space in an e-mail address', { names: [textName(1, 'a b@corp')] }],
    ['eight bits in a name', { names: [textName(2, 'b\u00fccher')] }],
    ['a critical extension nobody knows', { more: [extension('1.2.3.4', seq(), true)] }],
    ['the same extension twice', { more: [extension('2.5.29.37', seq())] }],
  ])('is unsuitable with %s', (_, options) => {
    expect(check(options)).toBe('unsuitable');
  });

  it('is untrusted when another authority of the same name issued it', () => {
    const rogue = forgeAuthority({ name: 'Device CA' });
    expect(checkDeviceCertificate(forge({ issuer: rogue }).der, trusted, now)).toBe('untrusted');
  });

  it('is untrusted when it signed itself, or nobody here knows its issuer', () => {
    expect(checkDeviceCertificate(forge().der, trusted, now)).toBe('untrusted');
    const other = forgeAuthority({ name: 'Other' });
    expect(checkDeviceCertificate(forge({ issuer: other }).der, trusted, now)).toBe('untrusted');
  });

  it('is untrusted when an end certificate issued it, also if that one is listed', () => {
    const leaf = forge({ issuer: authority, name: 'leaf' });
    const child = forge({ issuer: leaf });
    expect(checkDeviceCertificate(child.der, trusted, now)).toBe('untrusted');
    const both = [{ name: 'corp', certificates: authority.pem + leaf.pem }];
    expect(checkDeviceCertificate(child.der, deviceAuthorities(both), now)).toBe('untrusted');
  });

  it.each([
    ['that is not valid any more', { notAfter: new Date('2026-05-01T00:00:00Z') }],
    ['that is not valid yet', { notBefore: new Date('2026-07-01T00:00:00Z') }],
    ['that may not sign certificates', { keyUsage: digitalSignature }],
    ['that is for servers only', { purposes: [serverPurpose] }],
    ['with name constraints', { more: [extension('2.5.29.30', seq(), true)] }],
    ['with a weak key', { keys: rsa(1024) }],
  ])('is untrusted from an authority %s', (_, options) => {
    const issuer = forgeAuthority({ name: 'CA', ...options });
    const authorities = deviceAuthorities([{ name: 'a', certificates: issuer.pem }]);
    expect(checkDeviceCertificate(forge({ issuer }).der, authorities, now)).toBe('untrusted');
  });

  it('is found among several authorities of the same name', () => {
    const renewed = forgeAuthority({ name: 'Device CA' });
    const certificates = authority.pem + renewed.pem;
    const both = deviceAuthorities([{ name: 'corp', certificates }]);
    expect(checkDeviceCertificate(forge({ issuer: renewed }).der, both, now)).toBe('ok');
    expect(checkDeviceCertificate(forge({ issuer: authority }).der, both, now)).toBe('ok');
  });

  it('is valid from its first second to its last, and no longer than its authority', () => {
    const notBefore = new Date('2026-06-01T00:00:00Z');
    const notAfter = new Date('2026-06-02T00:00:00Z');
    const at = (time: number) => check({ notBefore, notAfter }, time);
    expect(at(notBefore.getTime() - 1)).toBe('not_yet_valid');
    expect(at(notBefore.getTime())).toBe('ok');
    expect(at(notAfter.getTime())).toBe('ok');
    expect(at(notAfter.getTime() + 1)).toBe('expired');
    const long = forge({ issuer: authority, notAfter: new Date('2030-01-01T00:00:00Z') });
    expect(verifyDeviceCertificate(long.der, trusted, now)).toMatchObject({
      validUntilMs: Date.parse('2027-01-01T00:00:00Z'),
    });
  });

  it('is never taken for good when a byte of it was changed, and never makes us throw', () => {
    const { der } = forge({ issuer: authority, names: [textName(6, 'spiffe://a/device/dev_1')] });
    for (let at = 0; at < der.length; at += 1) {
      const changed = Buffer.from(der);
      changed[at] = (changed[at] ?? 0) ^ 0x01;
      expect(checkDeviceCertificate(changed, trusted, now)).not.toBe('ok');
    }
    for (let length = 0; length < der.length; length += 1) {
      expect(checkDeviceCertificate(der.subarray(0, length), trusted, now)).not.toBe('ok');
    }
    expect(checkDeviceCertificate(Buffer.concat([der, Buffer.of(0)]), trusted, now)).not.toBe('ok');
  });

  it('can be any bytes at all without making us throw', () => {
    const { der } = forge({ issuer: authority });
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), fc.nat(der.length), (bytes, at) => {
        expect(checkDeviceCertificate(bytes, trusted, now)).not.toBe('ok');
        const spliced = Buffer.concat([
          der.subarray(0, at),
          bytes,
          der.subarray(at + bytes.length),
        ]);
        const same = Buffer.compare(spliced, der) === 0;
        expect(checkDeviceCertificate(spliced, trusted, now) === 'ok').toBe(same);
      }),
      { numRuns: 500 },
    );
  });

  it('is refused without work when it is huge', () => {
    const huge = forge({ issuer: authority, more: [extension('1.2.3', Buffer.alloc(65_536))] });
    expect(checkDeviceCertificate(huge.der, trusted, now)).toBe('unsuitable');
  });
});

describe('enrolment of a certificate', () => {
  it('takes PEM and DER of a certificate that a device can use', () => {
    const good = forge({ issuer: authority });
    const sha256 = fingerprint(good.der);
    expect(checkEnrolment(good.pem, now)).toMatchObject({ ok: true, certificate: { sha256 } });
    expect(checkEnrolment(good.der, now)).toMatchObject({ ok: true, certificate: { sha256 } });
  });

  it('says why it refuses', () => {
    const problem = (options: ForgeOptions, at = now) => {
      const result = checkEnrolment(forge({ issuer: authority, ...options }).pem, at);
      return result.ok ? 'ok' : result.problem;
    };
    expect(problem({ ca: true })).toContain('certificate of an authority');
    expect(problem({ purposes: [serverPurpose] })).toContain('client authentication');
    expect(problem({ keys: rsa(1024) })).toContain('RSA keys must have from 2048');
    expect(problem({ hash: 'sha1' })).toContain('signatures of the type');
    expect(problem({ names: [textName(6, 'urn:a,b')] })).toContain('characters');
    expect(problem({}, Date.parse('2028-01-01T00:00:00Z'))).toContain('expired');
    expect(problem({ purposes: [clientPurpose, serverPurpose] })).toBe('ok');
  });

  it.each([
    ['nothing', ''],
    ['a word', 'hello'],
    ['two certificates', forge().pem + forge().pem],
    ['a broken boundary', forge().pem.replace('END', 'EMD')],
    ['a private key', ecKeys().privateKey.export({ type: 'pkcs8', format: 'pem' })],
  ])('refuses %s', (_, text) => {
    expect(checkEnrolment(text, now)).toMatchObject({ ok: false });
  });
});
