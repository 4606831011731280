import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalAddress, networkContains, parseAddress, parseNetwork } from './address.ts';

describe('an address', () => {
  test.each([
    ['10.0.0.1', '10.0.0.1'],
    ['255.255.255.255', '255.255.255.255'],
    ['0.0.0.0', '0.0.0.0'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['0:0::', '::'],
    ['2001:DB8::00AB', '2001:db8::ab'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:a00:1', '10.0.0.1'],
    ['0:0:0:0:0:ffff:0a00:0001', '10.0.0.1'],
    ['::10.0.0.1', '::a00:1'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
  ])('row 73: %s is %s', (text, canonical) => {
    expect(canonicalAddress(text)).toBe(canonical);
    expect(canonicalAddress(canonical)).toBe(canonical);
  });

  test.each([
    ['', '10.0.0', '10.0.0.1.2', '10.0.0.256', '10.0.0.-1', '10.0.0.+1', '10.0.0. 1', '10.0.0.1 '],
    ['010.0.0.1', '0x0a.0.0.1', '167772161', '0', '127.1', '10.0.0.1e0', '１０.0.0.1'],
    [':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2::3', '12345::', 'g::', '::1:'],
    ['1:2:3:4:5:6:7::8', ':1:2:3:4:5:6:7', '::ffff:10.0.0', '::10.0.0.1:1', '10.0.0.1::'],
    ['fe80::1%eth0', '[::1]', '::1/128', '::ffff:010.0.0.1', 'localhost', '1:2:3:4:5:6:10.0.0.1:7'],
  ])('row 73: nothing else is one: %s %s %s %s %s', (...texts) => {
    expect(texts.filter((text) => parseAddress(text) !== null)).toEqual([]);
  });

  test('has one text, from any text for it', () => {
    const groups = fc.array(fc.oneof(fc.constant(0), fc.nat(0xffff)), {
      minLength: 8,
      maxLength: 8,
    });
    fc.assert(
      fc.property(groups, (all) => {
        const long = all.map((group) => group.toString(16).padStart(4, '0')).join(':');
        const short = canonicalAddress(long);
        expect(short).not.toBeNull();
        expect(parseAddress(short ?? '')).toEqual(parseAddress(long));
        expect(canonicalAddress(short ?? '')).toBe(short);
      }),
    );
  });
});

describe('a network', () => {
  const contains = (cidr: string, address: string) => {
    const network = parseNetwork(cidr);
    if (network === null) throw new Error(`not a network: ${cidr}`);
    return networkContains(network, address);
  };

  test.each([
    ['10.0.0.0/8', '10.255.255.255', '11.0.0.0'],
    ['192.0.2.128/25', '192.0.2.129', '192.0.2.127'],
    ['192.0.2.1/32', '192.0.2.1', '192.0.2.0'],
    ['128.0.0.0/1', '255.0.0.1', '127.255.255.255'],
    ['0.0.0.0/0', '203.0.113.7', '::1'],
    ['2001:db8::/32', '2001:db8:ffff::1', '2001:db9::'],
    ['2001:db8:0:8000::/49', '2001:db8:0:ffff::', '2001:db8:0:7fff::'],
    ['::1/128', '::1', '::2'],
    ['::/0', 'ffff::', '10.0.0.1'],
    ['::ffff:10.0.0.0/104', '10.1.1.1', '11.0.0.1'],
    ['10.0.0.0/8', '::ffff:10.1.2.3', '::10.1.2.3'],
  ])('%s has %s and not %s', (cidr, inside, outside) => {
    expect(contains(cidr, inside)).toBe(true);
    expect(contains(cidr, outside)).toBe(false);
    expect(contains(cidr, 'nothing')).toBe(false);
  });

  test.each([
    ['10.0.0.0', '10.0.0.0/33', '10.0.0.0/-1', '10.0.0.0/08', '10.0.0.0/', '10.0.0.0/8/8', '/8'],
    ['10.0.0.1/8', '::1/127', '2001:db8::/129', '10.0.0.0/ 8', '10.0.0.0/255.0.0.0', ' 10.0.0.0/8'],
    ['::ffff:0:0/90', 'fe80::%1/64', '010.0.0.0/8', '10/8', '10.0.0.0/8\n', '', '*'],
  ])('nothing else is one: %s %s %s %s %s %s', (...texts) => {
    expect(texts.filter((text) => parseNetwork(text) !== null)).toEqual([]);
  });
});
