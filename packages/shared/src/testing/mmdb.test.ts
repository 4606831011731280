import { describe, expect, it } from 'vitest';
import { writeAsnMmdb, writeCityMmdb, writeMmdb } from './mmdb.ts';

describe('a file in the MaxMind format that a test writes', () => {
  it('ends with metadata behind the marker', () => {
    const bytes = Buffer.from(writeAsnMmdb([{ network: '198.51.100.0/24', asn: 64_500 }]));
    const at = bytes.lastIndexOf(Buffer.from('abcdef4d61784d696e642e636f6d', 'hex'));
    expect(at).toBeGreaterThan(0);
    expect(bytes.toString('latin1', at)).toContain('Test-ASN');
  });

  it('has a text only once', () => {
    const entry = { country: 'DE', region: 'Bavaria' };
    const file = writeCityMmdb([
      { network: '198.51.100.0/24', ...entry, latitude: 48.1, longitude: 11.6 },
      { network: '2001:db8::/32', ...entry, latitude: 49.4, longitude: 11.1 },
    ]);
    expect(Buffer.from(file).toString('latin1').split('Bavaria')).toHaveLength(2);
  });

  it('refuses what is no network, and IPv6 where there is no room for it', () => {
    expect(() => writeMmdb([{ network: '198.51.100.7/24', value: 1 }])).toThrow('not a network');
    expect(() => writeMmdb([{ network: '::/0', value: 1 }], { ipVersion: 4 })).toThrow('no room');
  });
});
