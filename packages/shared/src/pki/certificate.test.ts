import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { rootCertificates } from 'node:tls';
import { describe, expect, it } from 'vitest';
import { inspectCertificate } from './certificate.ts';
import { forge, forgeAuthority, textName, tlv } from './forge.ts';
import { createAuthority, issueWithNewKey } from './issue.ts';

describe('inspecting a certificate', () => {
  it('agrees with OpenSSL about what stands in it', async () => {
    const authority = await createAuthority({ name: 'A, "b" \\ CA', days: 3 });
    const { certificatePem } = await issueWithNewKey(authority, {
      commonName: 'someone, DNS:evil',
      dns: ['a.example', '*.b.example'],
      ips: ['127.0.0.1', '::1'],
      uris: ['spiffe://corp.example/edge/edg_1'],
      usage: 'both',
      days: 2,
    });
    const x509 = new X509Certificate(certificatePem);
    const info = inspectCertificate(certificatePem);
    expect(info).toMatchObject({
      sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
      serialNumber: x509.serialNumber.toLowerCase(),
      notBeforeMs: x509.validFromDate.getTime(),
      notAfterMs: x509.validToDate.getTime(),
      isCa: false,
      hasClientAuth: true,
      hasServerAuth: true,
      keyUsage: { digitalSignature: true, keyCertSign: false },
      dnsNames: ['a.example', '*.b.example'],
      uris: ['spiffe://corp.example/edge/edg_1'],
      ipAddresses: ['127.0.0.1', '0:0:0:0:0:0:0:1'],
      oddNames: false,
      unknownCritical: [],
      weakness: null,
    });
    const issuer = inspectCertificate(authority.certificatePem);
    expect(issuer).toMatchObject({ isCa: true, pathLength: 0, weakness: null });
    expect(info?.authorityKeyId).toBe(issuer?.subjectKeyId);
    expect(info?.issuerDer).toEqual(issuer?.subjectDer);
    expect(x509.checkIssued(new X509Certificate(authority.certificatePem))).toBe(true);
  });

  it('agrees with OpenSSL about every authority that the system trusts', () => {
    for (const pem of rootCertificates) {
      const x509 = new X509Certificate(pem);
      expect(inspectCertificate(pem)).toMatchObject({
        sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
        notBeforeMs: x509.validFromDate.getTime(),
        notAfterMs: x509.validToDate.getTime(),
        isCa: x509.ca,
        oddNames: false,
      });
    }
  });

  it('reads times of both centuries and refuses those that do not exist', () => {
    const at = (text: string) => {
      const { der } = forge();
      const found = Buffer.from(der).indexOf('260101000000Z', 'latin1');
      const changed = Buffer.from(der);
      changed.write(text, found, 'latin1');
      return inspectCertificate(changed)?.notBeforeMs;
    };
    expect(at('500101000000Z')).toBe(Date.parse('1950-01-01T00:00:00Z'));
    expect(at('491231235959Z')).toBe(Date.parse('2049-12-31T23:59:59Z'));
    expect(at('260230000000Z')).toBeUndefined();
    expect(at('260101000060Z')).toBeUndefined();
    expect(at('2601010000+01')).toBeUndefined();
  });

  it.each([
    ['an address of five bytes', [tlv(0x87, Buffer.alloc(5))]],
    ['a wildcard inside a name', [textName(2, 'a.*.example')]],
    ['an empty name', [textName(2, '')]],
    ['an empty URI', [textName(6, '')]],
    ['a name with a trailing dot', [textName(2, 'a.example.')]],
    ['a good name beside an odd one', [textName(2, 'a.example'), textName(6, 'x:\0')]],
  ])('marks names as odd with %s', (_, names) => {
    expect(inspectCertificate(forge({ names }).der)?.oddNames).toBe(true);
  });

  it('gives null for extensions in a certificate of version 1 or 2', () => {
    expect(inspectCertificate(forge({ version: 1 }).der)).toBeNull();
    expect(inspectCertificate(forge({ version: 2 }).der)).toBeNull();
  });

  it('gives null where lengths are not minimal or indefinite', () => {
    const { der } = forgeAuthority();
    const inner = der.subarray(4);
    const long = Buffer.concat([
      Buffer.of(0x30, 0x83, 0, inner.length >> 8, inner.length & 255),
      inner,
    ]);
    const indefinite = Buffer.concat([Buffer.of(0x30, 0x80), inner, Buffer.of(0, 0)]);
    expect(inspectCertificate(der)).not.toBeNull();
    expect(inspectCertificate(long)).toBeNull();
    expect(inspectCertificate(indefinite)).toBeNull();
  });

  // The machines that run the tests have OpenSSL for other reasons; without it, nothing is lost.
  const version = (): string => {
    try {
      return execFileSync('openssl', ['version'], { encoding: 'utf8' });
    } catch {
      return '';
    }
  };
  it.runIf(version() !== '')('reads what OpenSSL writes', () => {
    const make = (...options: string[]): string =>
      execFileSync(
        'openssl',
        ['req', '-x509', '-nodes', '-keyout', '/dev/null', '-subj', '/O=a, b/CN=c', ...options],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
    const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    expect(inspectCertificate(make(...p256))).toMatchObject({ isCa: true, weakness: null });
    const device = make(
      ...p256,
      '-addext',
      'extendedKeyUsage=critical,clientAuth',
      '-addext',
      'keyUsage=digitalSignature',
      '-addext',
      'subjectAltName=URI:urn:x,DNS:a.example,IP:10.0.0.1,otherName:1.2.3;UTF8:\u00fc',
    );
    expect(inspectCertificate(device)).toMatchObject({
      hasClientAuth: true,
      uris: ['urn:x'],
      dnsNames: ['a.example'],
      ipAddresses: ['10.0.0.1'],
      oddNames: false,
    });
    const pss = (hash: string) =>
      make('-newkey', 'rsa:2048', '-sigopt', 'rsa_padding_mode:pss', `-${hash}`);
    expect(inspectCertificate(pss('sha256'))?.weakness).toBeNull();
    expect(inspectCertificate(pss('sha1'))?.weakness).toContain('RSA-PSS');
  });
});
