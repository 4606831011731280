import { canonicalAddress } from '@sallyport/policy';
import { EgressTable } from '@sallyport/shared/network/egress';
import { writeAsnMmdb, writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { describe, expect, it } from 'vitest';
import type { SharedPlaceFile } from './place-file.ts';
import { type PlaceHolder, PlaceReader } from './reader.ts';

const munich = {
  country: 'DE',
  region: 'Bavaria',
  latitude: 48.1,
  longitude: 11.6,
  accuracyKm: 20,
};
const paris = { country: 'FR', latitude: 48.9, longitude: 2.4, accuracyKm: 30 };
const city = writeCityMmdb([
  { network: '198.51.100.0/24', ...munich },
  { network: '2001:db8::/32', ...paris },
  { network: '10.0.0.0/8', ...paris },
]);
const asn = writeAsnMmdb([{ network: '198.51.100.0/25', asn: 64_500 }]);
const none = new EgressTable([]);

function shared(bytes: Uint8Array): SharedPlaceFile {
  const memory = new SharedArrayBuffer(bytes.length);
  new Uint8Array(memory).set(bytes);
  return { bytes: memory };
}

async function readerOf(...files: [city?: Uint8Array, asn?: Uint8Array]): Promise<PlaceReader> {
  const reader = new PlaceReader();
  const [cities, asns] = files.map((bytes) => (bytes === undefined ? [] : [shared(bytes)]));
  await reader.use({ city: cities ?? [], asn: asns ?? [] });
  return reader;
}

const find = (reader: PlaceReader, address: string, egress = none) =>
  reader.placeOf({ place: null }, address, egress);

describe('where an address is', () => {
  it('comes from the files, everything that they know', async () => {
    const reader = await readerOf(city, asn);
    expect(find(reader, '198.51.100.7').place).toEqual({
      country: 'DE',
      region: 'Bavaria',
      coordinates: { latitude: 48.1, longitude: 11.6, accuracyKm: 20 },
      asn: 64_500,
      egress: null,
    });
    expect(find(reader, '2001:db8::1').facts).toEqual({
      country: 'FR',
      region: null,
      asn: null,
      egress: '',
    });
    expect(reader.results).toMatchObject({ found: 2, unknown: 0 });
  });

  it('row 129: is the same for an address and its form within IPv6', async () => {
    const reader = await readerOf(city, asn);
    const mapped = canonicalAddress('::ffff:198.51.100.7') ?? '';
    expect(find(reader, mapped).place).toEqual(find(reader, '198.51.100.7').place);
  });

  it('row 129: is not known without data, and says so', async () => {
    for (const reader of [new PlaceReader(), await readerOf()]) {
      const { place, facts } = find(reader, '198.51.100.7');
      expect(place).toBe(null);
      expect(facts).toEqual({ country: null, region: null, asn: null, egress: '' });
      expect(reader.results.no_data).toBe(1);
    }
  });

  it('is not known where the files do not know it', async () => {
    const reader = await readerOf(city);
    expect(find(reader, '192.0.2.1').place).toBe(null);
    expect(find(reader, 'no address').place).toBe(null);
    expect(reader.results).toMatchObject({ unknown: 1, internal: 1 });
  });

  it.each(['10.1.2.3', '127.0.0.1', '192.168.1.1', '100.64.0.1', '::1', 'fe80::1', 'fd00::1'])(
    'is nowhere for %s, whatever a file says',
    async (address) => {
      const reader = await readerOf(city);
      expect(find(reader, address).place).toBe(null);
      expect(reader.results.internal).toBe(1);
    },
  );

  it('is not known where a file turns out to be unsound, and nothing is thrown', async () => {
    const broken = shared(city);
    const reader = new PlaceReader();
    await reader.use({ city: [broken], asn: [] });
    new Uint8Array(broken.bytes).fill(0xff, 0, 2_000);
    expect(find(reader, '198.51.100.7').place).toBe(null);
    expect(reader.results.failed).toBe(1);
  });
});

describe('a known way out', () => {
  const ways = new EgressTable([
    { name: 'office', kind: 'office', networks: ['198.51.100.0/24', '10.9.0.0/16'] },
    { name: 'guests', kind: 'office', networks: ['198.51.100.128/25', '2001:db8:7::/48'] },
  ]);
  const systems = new EgressTable([{ name: 'cloud', kind: 'cloud', asns: [64_500, 64_501] }]);

  it('is that with the narrowest network', async () => {
    const reader = await readerOf(city);
    expect(find(reader, '198.51.100.7', ways).place).toMatchObject({ egress: 'office' });
    expect(find(reader, '198.51.100.200', ways).facts.egress).toBe('guests');
    expect(find(reader, '2001:db8:7::1', ways).facts.egress).toBe('guests');
    expect(find(reader, '2001:db8:8::1', ways).facts.egress).toBe('');
  });

  it('is known without data, and for private addresses too', () => {
    const reader = new PlaceReader();
    expect(find(reader, '10.9.1.2', ways).place).toMatchObject({ country: null, egress: 'office' });
    expect(find(reader, '10.8.1.2', systems).facts.egress).toBe('');
  });

  it('is that of the autonomous system, and cannot be told where the system is not known', async () => {
    const reader = await readerOf(city, asn);
    expect(find(reader, '198.51.100.7', systems).place).toMatchObject({ egress: 'cloud' });
    expect(find(reader, '198.51.100.200', systems).facts.egress).toBe(null);
    expect(find(reader, '198.51.100.200', systems).place?.egress).toBe(null);
  });
});

describe('what was found once', () => {
  it('stays with its holder, the same object, until the data changes', async () => {
    const reader = await readerOf(city);
    const holder: PlaceHolder = { place: null };
    const first = reader.placeOf(holder, '198.51.100.7', none);
    expect(reader.placeOf(holder, '198.51.100.7', none)).toBe(first);
    expect(holder.place).toBe(first);
    await reader.use({ city: [], asn: [shared(asn)] });
    expect(reader.placeOf(holder, '198.51.100.7', none).facts).toMatchObject({
      country: null,
      asn: 64_500,
    });
  });

  it('is found again when the settings change, or another address comes', async () => {
    const reader = await readerOf(city);
    const holder: PlaceHolder = { place: null };
    reader.placeOf(holder, '198.51.100.7', none);
    const ways = new EgressTable([{ name: 'vpn', kind: 'vpn', networks: ['198.51.100.0/24'] }]);
    expect(reader.placeOf(holder, '198.51.100.7', ways).facts.egress).toBe('vpn');
    expect(reader.placeOf(holder, '2001:db8::1', ways).facts.country).toBe('FR');
  });

  it('is remembered beyond its connection, for so many addresses and no more', async () => {
    const reader = await readerOf(city);
    const first = find(reader, '198.51.100.7');
    expect(find(reader, '198.51.100.7')).toBe(first);
    for (let at = 0; at < 10_000; at += 1) find(reader, `192.0.${at >>> 8}.${at & 255}`);
    expect(find(reader, '198.51.100.7')).not.toBe(first);
    expect(find(reader, '198.51.100.7').place).toEqual(first.place);
  });
});
