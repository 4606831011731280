import { generateKeyPairSync, sign } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createCsr, csrFromPem, readCsr } from './csr.ts';
import { ecKeys, type Keys, oid, seq, tlv } from './forge.ts';
import { writePem } from './pem.ts';

/** A request by hand. */
function forgeCsr(
  keys: Keys,
  hash: 'sha1' | 'sha256' | null,
  algorithm: string,
  name = 'x',
): Uint8Array {
  const attribute = seq(oid('2.5.4.3'), tlv(0x0c, Buffer.from(name)));
  const info = seq(
    tlv(2, Uint8Array.of(0)),
    seq(tlv(0x31, attribute)),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    tlv(0xa0, Uint8Array.of()),
  );
  const signature = sign(hash, info, keys.privateKey);
  return seq(info, seq(oid(algorithm)), tlv(3, Uint8Array.of(0, ...signature)));
}

async function problemOf(der: Uint8Array): Promise<string> {
  const result = await readCsr(der);
  return result.ok ? 'none' : result.problem;
}

const ecdsaSha256 = '1.2.840.10045.4.3.2';
const rsaSha256 = '1.2.840.113549.1.1.11';

describe('a certificate request', () => {
  it('is read back with its key and name', async () => {
    const { csrDer, privateKeyPem } = await createCsr({
      commonName: 'a, "b"\\',
      dns: ['a.example'],
    });
    expect(await readCsr(csrDer)).toMatchObject({ ok: true, commonName: 'a, "b"\\' });
    expect(privateKeyPem).toContain('PRIVATE KEY');
    expect(csrFromPem(writePem('CERTIFICATE REQUEST', csrDer))).toEqual(Buffer.from(csrDer));
    expect(csrFromPem(writePem('CERTIFICATE', csrDer))).toBeNull();
  });

  it('may be signed with RSA or Ed25519', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    expect(await readCsr(forgeCsr(rsa, 'sha256', rsaSha256))).toMatchObject({ ok: true });
    const ed25519 = generateKeyPairSync('ed25519');
    expect(await readCsr(forgeCsr(ed25519, null, '1.3.101.112'))).toMatchObject({ ok: true });
  });

  it('is refused when somebody else signed it', async () => {
    const mine = ecKeys();
    const forged = forgeCsr(
      { publicKey: ecKeys().publicKey, privateKey: mine.privateKey },
      'sha256',
      ecdsaSha256,
    );
    expect(await problemOf(forged)).toContain('not verify');
  });

  it.each([
    ['RSA with 1024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 }), rsaSha256],
    ['P-192', ecKeys('prime192v1'), ecdsaSha256],
    ['explicit curve parameters', ecKeys('P-256', 'explicit'), ecdsaSha256],
  ])('is refused with a key of %s', async (_, keys, algorithm) => {
    expect(await problemOf(forgeCsr(keys, 'sha256', algorithm))).toContain('key is not accepted');
  });

  it('is refused when it is signed with SHA-1', async () => {
    const forged = forgeCsr(ecKeys(), 'sha1', '1.2.840.10045.4.1');
    expect(await problemOf(forged)).toContain('SHA-256');
  });

  it('is refused with controls in its name', async () => {
    const forged = forgeCsr(ecKeys(), 'sha256', ecdsaSha256, 'a\0b');
    expect(await problemOf(forged)).toContain('common name');
  });

  it('is refused, and never throws, when it is cut short or has any bit changed', async () => {
    const { csrDer } = await createCsr({ commonName: 'x' });
    for (let at = 0; at < csrDer.length; at += 1) {
      const changed = Buffer.from(csrDer);
      changed[at] = (changed[at] ?? 0) ^ 0x10;
      expect(await readCsr(changed)).toMatchObject({ ok: false });
      expect(await readCsr(csrDer.subarray(0, at))).toMatchObject({ ok: false });
    }
    expect(await readCsr(Buffer.alloc(20_000, 0x30))).toMatchObject({ ok: false });
  });
});
