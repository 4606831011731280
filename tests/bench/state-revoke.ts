import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type AdminApi, openAdminApi, type Stack, startStack } from '@sallyport/stack';
import { disagreement, type EdgeRow } from '../support/admin.ts';
import type { Revocation } from '../support/revoke.ts';
import { until } from '../support/until.ts';
import { cpuSeconds } from './lib/meter.ts';
import { type Helper, startHelper } from './lib/processes.ts';
import { type BenchmarkOptions, type Figure, percentile, type Report } from './lib/report.ts';
import { joinSimulated } from './lib/simulated-identities.ts';

/**
 * From the commit of a revocation to the ENFORCED of an edge, as the control plane saw it: one real
 * edge, idle and while devices are imported as fast as the database takes them; then the last of
 * 100 and of 1,000 simulated edges, which verify each frame and confirm it.
 */
/** So many that one of a hundred is not the worst of all. */
const rounds = { one: 200, hundred: 150, thousand: 120 } as const;
const warmup = 20;
const people = 50;
const devices = 1_000_000;
const settleMsMax = 300_000;
const importer = new URL(
  '../../packages/control-plane/src/testing/import-devices.ts',
  import.meta.url,
);

interface Site {
  readonly stack: Stack;
  readonly api: AdminApi;
  readonly dir: string;
  readonly helpers: Helper[];
  readonly userIds: readonly string[];
}

export async function stateRevoke(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const helpers: Helper[] = [];
  options.say('starting the stack');
  const stack = await startStack({ edges: 1, postgresApart: true });
  const { controlPlanes, tokens, ca } = stack.description;
  const api = await openAdminApi({ url: controlPlanes[0]?.url ?? '', token: tokens.owner, ca });
  try {
    const site = { stack, api, dir, helpers, userIds: await createPeople(api) };
    return await measure(site, options);
  } finally {
    await api.close();
    await Promise.all(helpers.map((helper) => helper.stop()));
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

async function measure(site: Site, { runs, say }: BenchmarkOptions): Promise<Report> {
  const real = new Set(site.stack.description.edges.map(({ id }) => id));
  await lastEnforced(site, real, warmup);
  say('one edge, idle');
  const idle = await lastEnforced(site, real, runs * rounds.one);
  say('one edge, while devices are imported');
  const busy = await whileImporting(site, () => lastEnforced(site, real, runs * rounds.one));
  say(`${busy.imported} devices were imported meanwhile; waiting until the edge has them`);
  await untilSettled(site.api, real);
  const hundred = new Set(await addSimulated(site, 100, say));
  const ofHundred = await withCpu(site, () => lastEnforced(site, hundred, runs * rounds.hundred));
  const thousand = new Set([...hundred, ...(await addSimulated(site, 900, say))]);
  const ofThousand = await withCpu(site, () =>
    lastEnforced(site, thousand, runs * rounds.thousand),
  );
  return {
    versions: { node: process.versions.node },
    figures: [
      ...both('1 edge', idle, 4, 15),
      ...both('last of 100 simulated edges', ofHundred.tookMs, 20, 50),
      ...both('last of 1,000 simulated edges', ofThousand.tookMs, 80, 200),
      ...processorTime('100', ofHundred),
      ...processorTime('1,000', ofThousand),
      ...both('1 edge, while devices are imported', busy.tookMs, null, null),
      {
        what: 'p99 while devices are imported against idle',
        unit: 'ratio',
        value: percentile(busy.tookMs, 0.99) / percentile(idle, 0.99),
        goal: 2,
        better: 'lower',
      },
    ],
    notes: [
      `from the commit to the ENFORCED as the control plane saw it, one revocation after the other: ${idle.length}, ${busy.tookMs.length}, ${ofHundred.tookMs.length} and ${ofThousand.tookMs.length} of them`,
      `the import was of ${devices} devices, 1,000 in a revision; ${busy.imported} of them, ${Math.round(busy.imported / busy.seconds)} a second, were written while it was measured`,
      'simulated edges are gRPC clients over mutual TLS, in two processes on the same machine: their processor time is part of what the last of them takes; a frame is verified once for all of a process',
    ],
  };
}

function both(
  what: string,
  tookMs: readonly number[],
  goal50: number | null,
  goal99: number | null,
): Figure[] {
  const figure = (name: string, part: number, goal: number | null): Figure => ({
    what: `revoke to enforced, ${what}, ${name}`,
    unit: 'ms',
    value: percentile(tookMs, part),
    goal,
    better: 'lower',
  });
  return [figure('p50', 0.5, goal50), figure('p99', 0.99, goal99)];
}

interface WithCpu {
  readonly tookMs: readonly number[];
  /** A revocation, milliseconds: heartbeats and everything else of that time counts in. */
  readonly planeMs: number;
  readonly edgesMs: number;
}

async function withCpu(
  { stack, helpers }: Site,
  work: () => Promise<readonly number[]>,
): Promise<WithCpu> {
  const used = (): readonly [number, number] => [
    cpuSeconds(stack.pid('control-plane-1')),
    helpers.reduce((sum, { pid }) => sum + cpuSeconds(pid), 0),
  ];
  const [planeBefore, edgesBefore] = used();
  const tookMs = await work();
  const [plane, edges] = used();
  const each = (seconds: number): number => (seconds * 1_000) / tookMs.length;
  return { tookMs, planeMs: each(plane - planeBefore), edgesMs: each(edges - edgesBefore) };
}

function processorTime(edges: string, { planeMs, edgesMs }: WithCpu): Figure[] {
  const figure = (whose: string, value: number): Figure => ({
    what: `processor time of ${whose}, a revocation with ${edges} simulated edges`,
    unit: 'ms',
    value,
    goal: null,
    better: 'lower',
  });
  return [figure('the control plane', planeMs), figure('the simulated edges', edgesMs)];
}

function createPeople(api: AdminApi): Promise<string[]> {
  return Promise.all(
    Array.from({ length: people }, async (_, index) => {
      const email = `bench-${index}@corp.localhost`;
      const user = { email, displayName: `Bench ${index}` };
      return (await api.post<{ readonly id: string }>('/v1/users', user)).body.id;
    }),
  );
}

/** How long the last of these edges took, milliseconds, for each of `count` revocations. */
async function lastEnforced(
  { api, userIds }: Site,
  edgeIds: ReadonlySet<string>,
  count: number,
): Promise<number[]> {
  const took: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const target = { kind: 'user', id: userIds[index % userIds.length] };
    const body = { target, effect: 'end', reason: 'A benchmark' };
    const answer = await api.post<Revocation>('/v1/revocations?wait=enforced', body);
    const receipts = answer.body.receipts.filter(({ edgeId }) => edgeIds.has(edgeId));
    const late = receipts.filter(({ status }) => status !== 'enforced');
    if (receipts.length !== edgeIds.size || late.length > 0) {
      throw new Error(`${late.length} of ${edgeIds.size} edges did not confirm`);
    }
    took.push(Math.max(...receipts.map(({ tookMs }) => tookMs ?? Number.NaN)));
  }
  return took;
}

/** Imports as long as `work` takes; gives what it gave and how far the import came. */
async function whileImporting(
  { stack }: Site,
  work: () => Promise<number[]>,
): Promise<{ readonly tookMs: number[]; readonly imported: number; readonly seconds: number }> {
  const importing = await startHelper(importer, null, {
    DATABASE_URL: stack.description.postgres.url,
    COUNT: String(devices),
  });
  try {
    const startedAt = performance.now();
    const tookMs = await work();
    const seconds = (performance.now() - startedAt) / 1_000;
    const { devices: imported } = JSON.parse(importing.lastLine()) as { readonly devices: number };
    return { tookMs, imported, seconds };
  } finally {
    await importing.stop();
  }
}

/** Waits until these edges have all there is. */
async function untilSettled(api: AdminApi, edgeIds: ReadonlySet<string>): Promise<void> {
  await until(
    'the edge has everything',
    async () => {
      const { items } = await api.get<{ readonly items: readonly EdgeRow[] }>('/v1/edges');
      const found = disagreement(items.filter(({ id }) => edgeIds.has(id)));
      if (found !== '') throw new Error(found);
      return true;
    },
    { msMax: settleMsMax, everyMs: 500 },
  );
}

/** Joins that many edges and connects them; gives their ids. */
async function addSimulated(
  { stack, api, dir, helpers }: Site,
  count: number,
  say: (line: string) => void,
): Promise<string[]> {
  const grpc = stack.description.controlPlanes[0]?.grpc ?? '';
  const ca = join(stack.description.dir, 'control-plane', 'ca', 'edge.pem');
  say(`joining ${count} simulated edges`);
  const identities = await joinSimulated(api, grpc, await readFile(ca, 'utf8'), count);
  const file = join(dir, `identities-${count}.json`);
  await writeFile(file, JSON.stringify(identities), { mode: 0o600 });
  const entry = new URL('./lib/simulated-edges.ts', import.meta.url);
  helpers.push(await startHelper(entry, null, { IDENTITIES: file, TARGETS: grpc, CA: ca }));
  say(`${count} simulated edges are connected`);
  return identities.map(({ edgeId }) => edgeId);
}
