import {
  type MmdbValue,
  writeAsnMmdb,
  writeCityMmdb,
  writeMmdb,
} from '@sallyport/shared/testing/mmdb';
import { describe, expect, it } from 'vitest';
import { checkMmdb } from './check-mmdb.ts';
import { Mmdb } from './mmdb.ts';
import { asnOf, cityFacts } from './record.ts';

/** Row 150: whatever the bytes of a file are, it is refused with a code, or lookups hold. */

const munich = { country: 'DE', region: 'Bavaria', latitude: 48.1, longitude: 11.6 };
const entries = [
  { network: '198.51.100.0/24', ...munich, accuracyKm: 20 },
  { network: '203.0.113.0/25', country: 'FR', latitude: 48.9, longitude: 2.4 },
  { network: '2001:db8::/32', ...munich },
];
const addresses = ['198.51.100.7', '203.0.113.9', '192.0.2.1', '2001:db8::7', '2001:db9::'];
const small = () => Buffer.from(writeCityMmdb(entries.slice(0, 2), { ipVersion: 4 }));

function codeOf(bytes: Uint8Array, kind: 'city' | 'asn' = 'city'): string {
  const result = checkMmdb(Buffer.from(bytes), kind);
  return result.ok ? 'ok' : result.code;
}

/** Everything that a worker would do with a file that was found good. */
function searchAll(bytes: Buffer): void {
  const file = new Mmdb(bytes);
  for (const address of addresses) {
    const record = file.get(address);
    cityFacts(record);
    asnOf(record);
  }
}

/** A data section by hand, behind a tree of one node that leads to its start. */
function fileWith(data: Buffer): Buffer {
  const sound = Buffer.from(writeMmdb([{ network: '::/1', value: { country: 'x' } }]));
  const treeBytes = 7;
  const at = sound.lastIndexOf(Buffer.from('abcdef4d61784d', 'hex'));
  return Buffer.concat([sound.subarray(0, treeBytes + 16), data, sound.subarray(at)]);
}

const key = Buffer.from([0x47, ...Buffer.from('country')]);

describe('a sound file', () => {
  it.each([24, 28, 32] as const)('is taken, with records of %d bits', (recordSize) => {
    for (const form of ['nested', 'flat'] as const) {
      const bytes = Buffer.from(writeCityMmdb(entries, { recordSize, form }));
      expect(checkMmdb(bytes, 'city')).toMatchObject({ ok: true, metadata: { recordSize } });
      expect(cityFacts(new Mmdb(bytes).get('198.51.100.7')).country).toBe('DE');
      expect(new Mmdb(bytes).get('192.0.2.1')).toBe(null);
    }
  });

  it('tells when it was made', () => {
    const builtAtMs = Date.UTC(2026, 5, 1);
    const bytes = Buffer.from(writeCityMmdb(entries, { builtAtMs }));
    expect(checkMmdb(bytes, 'city')).toMatchObject({ metadata: { builtAtMs } });
  });

  it('row 129: for IPv4 alone has nothing to say of an IPv6 address', () => {
    const bytes = Buffer.from(
      writeCityMmdb([{ network: '32.0.0.0/8', ...munich }], { ipVersion: 4 }),
    );
    expect(new Mmdb(bytes).get('32.1.2.3')).not.toBe(null);
    // Its first 32 bits are those of 32.1.13.184.
    expect(new Mmdb(bytes).get('2001:db8::1')).toBe(null);
  });
});

describe('row 150: a file of places that is not sound', () => {
  it.each([
    ['is empty', Buffer.alloc(0), 'not_mmdb'],
    ['is text', Buffer.from('country,city\n'.repeat(1_000)), 'not_mmdb'],
    ['is zeros', Buffer.alloc(200_000), 'not_mmdb'],
    ['has nothing behind the marker', small().subarray(0, -200), 'bad_metadata'],
    [
      'has its metadata far from the end',
      Buffer.concat([small(), Buffer.alloc(140_000)]),
      'not_mmdb',
    ],
    ['points to itself', fileWith(Buffer.from([0xe1, ...key, 0x20, 0x00])), 'bad_data'],
    ['has a pointer to a pointer', fileWith(Buffer.from([0x20, 0x02, 0x20, 0x00])), 'bad_data'],
    ['points out of its section', fileWith(Buffer.from([0xe1, ...key, 0x27, 0xff])), 'bad_data'],
    ['has a list of millions', fileWith(Buffer.from([0x1f, 4, 255, 255, 255])), 'bad_data'],
    ['has a key that is a number', fileWith(Buffer.from([0xe1, 0xc1, 7, 0xc1, 7])), 'bad_data'],
    [
      'has the key __proto__',
      fileWith(Buffer.from([0xe1, 0x49, ...Buffer.from('__proto__'), 0xe0])),
      'bad_data',
    ],
    ['has a text that goes on behind it', fileWith(Buffer.from([0x5c, 0x41])), 'bad_data'],
    ['has a type that is none', fileWith(Buffer.from([0x00, 0x05])), 'bad_data'],
  ])('%s', (_title, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });

  it('is nested without end', () => {
    let value: MmdbValue = 'x';
    for (let depth = 0; depth < 100; depth += 1) value = { country: value };
    expect(codeOf(writeMmdb([{ network: '::/1', value }]))).toBe('bad_data');
  });

  it('would grow to more than all memory, although it is small', () => {
    // Six lists of which each has the next one eight times.
    const lists = Array.from({ length: 6 }, (_, at) => {
      const next = (at + 1) * 18;
      const pointer = [0x20 | (next >>> 8), next & 255];
      return [0x08, 0x04, ...Array.from({ length: 8 }, () => pointer).flat()];
    });
    const bytes = fileWith(Buffer.from([...lists.flat(), 0x41, 0x41]));
    expect(checkMmdb(bytes, 'city')).toMatchObject({
      code: 'bad_data',
      detail: 'it comes to too many values',
    });
  });

  it('has a tree that leads out of it', () => {
    const bytes = small();
    bytes.writeUIntBE(0xffffff, 0, 3);
    expect(codeOf(bytes)).toBe('bad_tree');
  });

  it('has a record that leads into the gap between tree and data', () => {
    const bytes = small();
    const { nodeCount } = new Mmdb(bytes).metadata;
    bytes.writeUIntBE(nodeCount + 5, 0, 3);
    expect(codeOf(bytes)).toBe('bad_tree');
  });

  it('is of another kind', () => {
    const asns = writeAsnMmdb([{ network: '198.51.100.0/24', asn: 64_500 }]);
    expect(codeOf(asns, 'asn')).toBe('ok');
    expect(codeOf(asns, 'city')).toBe('wrong_type');
    expect(codeOf(writeCityMmdb(entries), 'asn')).toBe('wrong_type');
    expect(codeOf(writeMmdb([]))).toBe('bad_metadata');
  });

  it('is cut off anywhere', () => {
    const bytes = small();
    for (let length = 0; length < bytes.length; length += 1) {
      expect(codeOf(bytes.subarray(0, length))).not.toBe('ok');
    }
  });

  it('has one byte changed: it is refused, or every lookup comes to an end', () => {
    const sound = small();
    let refused = 0;
    for (let at = 0; at < sound.length; at += 1) {
      for (const change of [0x01, 0x20, 0x80, 0xff]) {
        const bytes = Buffer.from(sound);
        bytes[at] = (bytes[at] as number) ^ change;
        if (checkMmdb(bytes, 'city').ok) searchAll(bytes);
        else refused += 1;
      }
    }
    expect(refused).toBeGreaterThan(sound.length);
  });
});
