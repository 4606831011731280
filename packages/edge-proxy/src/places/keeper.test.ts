import { mkdir, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import { EgressTable } from '@sallyport/shared/network/egress';
import { writeAsnMmdb, writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PlaceKeeper } from './keeper.ts';
import { PlaceReader } from './reader.ts';

const nowMs = Date.UTC(2026, 6, 1);
const dayMs = 86_400_000;
const address = '198.51.100.7';
const none = new EgressTable([]);
const cityIn = (country: string, builtAtMs = nowMs - 30 * dayMs) =>
  writeCityMmdb([{ network: '198.51.100.0/24', country }], { builtAtMs });

let dir: string;
let keeper: PlaceKeeper;
let reader: PlaceReader;
let logged: Record<string, unknown>[];
/** What the reader was given and may not have opened yet. */
let used: Promise<void>[];

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-places-'));
  logged = [];
  used = [];
  reader = new PlaceReader();
});

afterEach(async () => {
  await keeper.stop();
  await rm(dir, { recursive: true });
});

const city = () => join(dir, 'city.mmdb');
const asn = () => join(dir, 'asn.mmdb');

/** As a program does that replaces files as a whole. */
async function put(path: string, bytes: Uint8Array): Promise<void> {
  await writeFile(`${path}.new`, bytes);
  await rename(`${path}.new`, path);
}

async function keep(): Promise<void> {
  keeper = new PlaceKeeper({
    sources: [
      { kind: 'city', path: city() },
      { kind: 'asn', path: asn() },
    ],
    onPlaces: (places) => void used.push(reader.use(places)),
    log: createLog('info', {}, (line) => logged.push(JSON.parse(line) as Record<string, unknown>)),
    clock: () => nowMs,
  });
  await look();
}

async function look(): Promise<void> {
  await keeper.look();
  await Promise.all(used);
}

const countryNow = () => reader.placeOf({ place: null }, address, none).facts.country;

describe('F44: the files of places', () => {
  it('are loaded and looked up in; their age is known', async () => {
    await put(city(), cityIn('DE'));
    await put(asn(), writeAsnMmdb([{ network: '198.51.100.0/24', asn: 64_500 }]));
    await keep();
    expect(countryNow()).toBe('DE');
    expect(keeper.status('city')).toMatchObject({
      configured: 1,
      loaded: 1,
      current: 1,
      ageMs: 30 * dayMs,
      refused: {},
    });
    expect(keeper.status('asn').loaded).toBe(1);
    expect(logged.filter(({ event }) => event === 'places.loaded')).toHaveLength(2);
  });

  it('that are missing leave places unknown, are counted, and are used once they come', async () => {
    await keep();
    expect(countryNow()).toBe(null);
    expect(keeper.status('city')).toMatchObject({
      loaded: 0,
      ageMs: null,
      refused: { missing: 1 },
    });
    expect(reader.results.no_data).toBe(1);
    await look();
    // Not again and again.
    expect(keeper.status('city').refused).toEqual({ missing: 1 });
    await put(city(), cityIn('DE'));
    await look();
    expect(countryNow()).toBe('DE');
  });

  it('are loaded again when they are replaced', async () => {
    await put(city(), cityIn('DE'));
    await keep();
    await put(city(), cityIn('FR', nowMs - dayMs));
    await look();
    expect(countryNow()).toBe('FR');
    expect(keeper.status('city')).toMatchObject({ current: 1, ageMs: dayMs });
  });

  it.each<[string, () => Promise<void>, string]>([
    ['deleted', () => rm(city()), 'missing'],
    ['cut off', () => put(city(), cityIn('FR').subarray(0, -40)), 'bad_metadata'],
    ['emptied', () => put(city(), new Uint8Array()), 'not_mmdb'],
    ['swapped for one of another kind', () => rename(asn(), city()), 'wrong_type'],
    [
      'replaced by a folder',
      async () => {
        await rm(city());
        await mkdir(city());
      },
      'unreadable',
    ],
  ])('that are %s leave the last good one in use', async (_title, spoil, code) => {
    await put(city(), cityIn('DE'));
    await put(asn(), writeAsnMmdb([{ network: '198.51.100.0/24', asn: 64_500 }]));
    await keep();
    await spoil();
    await look();
    expect(countryNow()).toBe('DE');
    expect(keeper.status('city')).toMatchObject({ loaded: 1, current: 0, refused: { [code]: 1 } });
    expect(
      logged.find(({ event, kind }) => event === 'places.refused' && kind === 'city'),
    ).toMatchObject({ code, path: city(), lastGood: true });
    await rm(city(), { recursive: true, force: true });
    await put(city(), cityIn('AT'));
    await look();
    expect(countryNow()).toBe('AT');
  });

  it('are not loaded again because somebody looks', async () => {
    await put(city(), cityIn('DE'));
    await keep();
    await look();
    expect(logged.filter(({ event }) => event === 'places.loaded')).toHaveLength(1);
    await utimes(city(), 1, 1);
    await look();
    expect(logged.filter(({ event }) => event === 'places.loaded')).toHaveLength(2);
  });
});
