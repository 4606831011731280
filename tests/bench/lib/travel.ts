import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCityMmdb } from '@sallyport/shared/testing/mmdb';
import { type AdminApi, Browser, type StackDescription, startStack } from '@sallyport/stack';
import type { EdgeRow } from '../../support/admin.ts';
import { openAdmin, pageOn, userOf } from '../../support/cast.ts';
import { readMetrics, sum } from '../../support/metrics.ts';
import { until } from '../../support/until.ts';
import { type BenchmarkOptions, type Figure, median, percentile } from './report.ts';

/**
 * A session that is used on two continents at once, at two edges: how long it takes from the second
 * request until the finding is there for people, and its signal enforced at the other edge.
 */
const journeysEach = 6;
const everyMs = 2;
const home = { network: '198.51.100.0/24', country: 'DE', latitude: 52.52, longitude: 13.4 };
const away = { network: '203.0.113.0/24', country: 'AU', latitude: -33.87, longitude: 151.2 };
const [homeAddress, awayAddress] = ['198.51.100.7', '203.0.113.7'];
const traveller = 'alice';

interface Site {
  readonly stack: StackDescription;
  readonly api: AdminApi;
}

interface Took {
  readonly answeredMs: number;
  readonly visibleMs: number;
  readonly enforcedMs: number;
}

export async function measureTravel({ runs, say }: BenchmarkOptions, folder: string) {
  const places = join(folder, 'places.mmdb');
  await writeFile(places, writeCityMmdb([home, away]));
  say('starting the stack');
  const stack = await startStack({
    edges: 2,
    edgeEnvironment: { SALLYPORT_PLACES_CITY_FILES: places },
  });
  try {
    const api = await openAdmin(stack.description);
    const site = { stack: stack.description, api };
    const all: Took[] = [];
    // The first is for the compilers.
    for (let done = 0; done <= runs * journeysEach; done += 1) all.push(await travel(site));
    await api.close();
    return { figures: figuresOf(all.slice(1)), notes: notesOf(all.length - 1) };
  } finally {
    await stack.stop();
  }
}

/** One journey of a user who is new: of one who has made it nothing new would be found. */
async function travel(site: Site): Promise<Took> {
  const { stack, api } = site;
  const { device, ...user } = userOf(stack, traveller);
  const id = await createAnew(site);
  const here = await Browser.open(stack, device, undefined, { stack, address: homeAddress });
  const there = await Browser.open(stack, device, here.jar, { stack, address: awayAddress });
  try {
    expectOk(await here.signIn(pageOn(stack, '/'), user));
    const before = await untilKnown(site, id);
    const startedAt = performance.now();
    const since = () => performance.now() - startedAt;
    const [answeredMs, visibleMs, enforcedMs] = await Promise.all([
      there.ask(pageOn(stack, '/', { edge: 1 })).then((answer) => (expectOk(answer), since())),
      until('the finding is there', () => isFound(api, id), { everyMs }).then(since),
      until('its signal is enforced', async () => (await revision(stack)) > before, {
        everyMs,
      }).then(since),
    ]);
    return { answeredMs, visibleMs, enforcedMs };
  } finally {
    await Promise.all([here.close(), there.close()]);
  }
}

/** The same person at the provider, as another user: nothing is remembered of the one before. */
async function createAnew({ stack, api }: Site): Promise<string> {
  const { email, name, groups } = userOf(stack, traveller);
  const { items } = await api.get<{
    readonly items: readonly { readonly id: string; readonly email: string }[];
  }>('/v1/users');
  const known = items.find((one) => one.email === email);
  if (known !== undefined) await api.delete(`/v1/users/${known.id}`);
  const identities = [{ issuer: stack.idp.issuer, subject: name }];
  const user = { email, displayName: name, groups, identities };
  return (await api.post<{ readonly id: string }>('/v1/users', user)).body.id;
}

/** Waits until both edges have where the user is; gives the revision of signals at the first. */
async function untilKnown({ stack, api }: Site, userId: string): Promise<number> {
  await until('the first place is known everywhere', async () => {
    const { lastPlace } = await api.get<{
      readonly lastPlace: { readonly country: string | null } | null;
    }>(`/v1/users/${userId}/risk`);
    const { items } = await api.get<{ readonly items: readonly EdgeRow[] }>('/v1/edges');
    const isThere = items.every(({ lanes }) => lanes['signals']?.lagRevisions === 0);
    return isThere && lastPlace?.country === home.country;
  });
  return revision(stack);
}

async function isFound(api: AdminApi, userId: string): Promise<boolean> {
  const { items } = await api.get<{ readonly items: readonly unknown[] }>(
    `/v1/signals?detector=impossible-travel&user=${userId}`,
  );
  return items.length > 0;
}

/**
 * What the first edge has enforced of the lane. A finding, its signal and the last place are one
 * revision, and nothing else writes to the lane.
 */
async function revision({ edges: [first] }: StackDescription): Promise<number> {
  const labels = { lane: 'signals', stage: 'enforced' };
  return sum(await readMetrics(first?.ops ?? ''), 'sallyport_edge_lane_revision', labels);
}

function expectOk({ status, text }: { readonly status: number; readonly text: string }): void {
  if (status !== 200) throw new Error(`${status} ${text}`);
}

function figuresOf(all: readonly Took[]): Figure[] {
  const both = (what: string, of: (one: Took) => number): Figure[] => {
    const values = all.map(of);
    const base = { unit: 'ms', better: 'lower' } as const;
    return [
      { what: `${what}, p50`, value: median(values), goal: 50, ...base },
      { what: `${what}, worst`, value: percentile(values, 1), goal: 1_000, ...base },
    ];
  };
  const answered = median(all.map(({ answeredMs }) => answeredMs));
  return [
    ...both('journey found and visible', ({ visibleMs }) => visibleMs),
    ...both('journey enforced at the other edge', ({ enforcedMs }) => enforcedMs),
    {
      what: 'of these, the answer to the second request, p50',
      unit: 'ms',
      value: answered,
      goal: null,
      better: 'lower',
    },
  ];
}

function notesOf(count: number): string[] {
  return [
    `travel: ${count} users, one after the other, each with a cookie from one edge used at another at once; from the sending of the second request, its connection included, asked every ${everyMs} ms`,
  ];
}
