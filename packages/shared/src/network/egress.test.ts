import { formatAddress, networkContains, parseAddress, parseNetwork } from '@sallyport/policy';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EgressTable } from './egress.ts';
import { NetworkTable } from './network-table.ts';

function network(text: string) {
  const read = parseNetwork(text);
  if (read === null) throw new Error(text);
  return read;
}

function address(text: string) {
  const read = parseAddress(text);
  if (read === null) throw new Error(text);
  return read;
}

const texts = [
  '0.0.0.0/0',
  '10.0.0.0/8',
  '10.128.0.0/9',
  '10.1.0.0/16',
  '10.1.2.0/24',
  '10.1.2.3/32',
  '255.255.255.255/32',
  '::/0',
  '2001:db8::/32',
  '2001:db8:0:1::/64',
  '2001:db8::1/128',
  'ffff::/16',
];

describe('a table of networks', () => {
  it('finds what a search through all of them would find', () => {
    const word = fc.constantFrom(0, 1, 0x0a010203, 0x0a010204, 0x0a800000, 0x20010db8, 0xffffffff);
    const words = fc.tuple(word, word, word, word);
    const addresses = fc.oneof(
      words.map((all) => ({ family: 6, words: all }) as const),
      word.map((last) => ({ family: 4, words: [0, 0, 0, last] }) as const),
    );
    fc.assert(
      fc.property(fc.subarray(texts), addresses, (chosen, where) => {
        const table = new NetworkTable(chosen.map((text) => [network(text), text] as const));
        const around = chosen
          .filter((text) => networkContains(network(text), where))
          .sort((a, b) => network(b).prefix - network(a).prefix);
        expect(table.find(where)).toBe(around[0] ?? null);
        const written = formatAddress(where);
        // Written and read again, IPv4 within IPv6 is IPv4.
        expect(table.find(written)).toBe(table.find(address(written)));
      }),
    );
  });

  it('has nothing for what is no address', () => {
    const table = new NetworkTable([[network('0.0.0.0/0'), 1]]);
    expect(table.find('nowhere')).toBe(null);
    expect(new NetworkTable([]).find('nowhere')).toBe(null);
  });
});

describe('known ways out', () => {
  const table = new EgressTable([
    { name: 'office', kind: 'office', networks: ['198.51.100.0/24'] },
    { name: 'cloud', kind: 'cloud', networks: ['203.0.113.0/24'], asns: [64_500] },
  ]);

  it('are known by the narrowest network, then by the autonomous system', () => {
    expect(table.find(address('198.51.100.1'), 64_500)).toBe('office');
    expect(table.find(address('203.0.113.1'), null)).toBe('cloud');
    expect(table.find(address('192.0.2.1'), 64_500)).toBe('cloud');
    expect(table.find(address('192.0.2.1'), 64_501)).toBe('');
  });

  it('cannot be told where a system might be one, and is not known', () => {
    expect(table.find(address('192.0.2.1'), null)).toBe(null);
    expect(new EgressTable([]).find(address('192.0.2.1'), null)).toBe('');
  });

  it('of twenty thousand networks are found by the lengths that those have', () => {
    const many = Array.from({ length: 256 }, (_, way) => ({
      name: `way-${way}`,
      kind: 'vpn' as const,
      networks: Array.from({ length: 64 }, (_, at) => `10.${way}.${at}.0/24`),
    }));
    const big = new EgressTable(many);
    expect(big.find(address('10.200.63.9'), null)).toBe('way-200');
    expect(big.find(address('10.200.64.9'), null)).toBe('');
  });

  it('row 129: are the same for an address and its form within IPv6', () => {
    expect(table.find(address('::ffff:198.51.100.1'), null)).toBe('office');
  });
});
