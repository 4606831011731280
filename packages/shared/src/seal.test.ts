import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterAll, describe, expect, it } from 'vitest';
import { newKeyFileText, open, parseKeyFile, readKeyFile, seal } from './seal.ts';

const directory = mkdtempSync(join(tmpdir(), 'sallyport-seal-'));
afterAll(() => rmSync(directory, { recursive: true }));
const plain = Buffer.from('the value');

describe('sealing under a key file', () => {
  it('opens with the same key and context', () => {
    const key = parseKeyFile(newKeyFileText());
    expect(Buffer.from(open(key, seal(key, plain, 'a/1'), 'a/1'))).toEqual(plain);
    expect(open(key, seal(key, new Uint8Array(), ''), '')).toHaveLength(0);
  });

  it('never gives the same bytes twice', () => {
    const key = parseKeyFile(newKeyFileText());
    expect(seal(key, plain, 'a')).not.toEqual(seal(key, plain, 'a'));
  });

  it('does not open under another context or another key', () => {
    const key = parseKeyFile(newKeyFileText());
    const sealed = seal(key, plain, 'a/1');
    expect(() => open(key, sealed, 'a/2')).toThrow(
      expect.objectContaining({ code: 'sealed_value_unreadable' }),
    );
    expect(() => open(parseKeyFile(newKeyFileText()), sealed, 'a/1')).toThrow(
      expect.objectContaining({ code: 'sealed_value_unreadable' }),
    );
  });

  it('does not open with any bit changed or any byte missing', () => {
    const key = parseKeyFile(newKeyFileText());
    const sealed = seal(key, plain, 'a');
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const changed = Buffer.from(sealed);
      const byte = bit >> 3;
      changed[byte] = (changed[byte] ?? 0) ^ (1 << (bit & 7));
      expect(() => open(key, changed, 'a')).toThrow('cannot be opened');
    }
    for (let length = 0; length < sealed.length; length += 1) {
      expect(() => open(key, sealed.subarray(0, length), 'a')).toThrow('cannot be opened');
    }
  });

  it('opens what an older key of the file sealed and seals with the first', () => {
    const older = newKeyFileText();
    const newer = newKeyFileText();
    const both = parseKeyFile(`# since May\n${newer}\n${older}`);
    expect(Buffer.from(open(both, seal(parseKeyFile(older), plain, 'a'), 'a'))).toEqual(plain);
    expect(Buffer.from(open(parseKeyFile(newer), seal(both, plain, 'a'), 'a'))).toEqual(plain);
  });

  it('does not show its keys when it is printed', () => {
    const text = newKeyFileText();
    const key = parseKeyFile(text);
    const encoded = text.trim().split(':')[1] ?? '';
    expect(inspect(key, { depth: 10 }) + JSON.stringify(key)).not.toContain(encoded);
  });
});

describe('a key file', () => {
  it.each([
    ['nothing', ''],
    ['another prefix', 'sallyport-key-2:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
    ['a short key', 'sallyport-key-1:AAAA'],
    ['bytes that are not base64url', `sallyport-key-1:!${'A'.repeat(43)}`],
    ['the same key twice', `sallyport-key-1:${'A'.repeat(43)}\nsallyport-key-1:${'A'.repeat(43)}`],
  ])('is refused with %s', (_, text) => {
    expect(() => parseKeyFile(text)).toThrow(expect.objectContaining({ code: 'key_file_invalid' }));
  });

  it('is read when only its owner can read it, and refused when everyone can', async () => {
    const path = join(directory, 'key-file');
    writeFileSync(path, newKeyFileText(), { mode: 0o600 });
    expect((await readKeyFile(path)).keys).toHaveLength(1);
    chmodSync(path, 0o644);
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'key_file_invalid' });
  });

  it('is refused when it is missing or far too large', async () => {
    await expect(readKeyFile(join(directory, 'none'))).rejects.toMatchObject({
      code: 'key_file_invalid',
    });
    const path = join(directory, 'large');
    writeFileSync(path, '#'.repeat(5000), { mode: 0o600 });
    await expect(readKeyFile(path)).rejects.toMatchObject({ code: 'key_file_invalid' });
  });
});
