import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { openAdminApi, type Stack, startStack } from '@sallyport/stack';
import { until } from '../support/until.ts';
import { cpuSeconds } from './lib/meter.ts';
import { type Helper, startHelper } from './lib/processes.ts';
import type { Tailing } from './lib/reconnecting-edges.ts';
import { type BenchmarkOptions, type Figure, median, type Report } from './lib/report.ts';
import { joinSimulated, type SimulatedIdentity } from './lib/simulated-identities.ts';

/**
 * A thousand edges, two streams and two connections each, lose the control plane and come back:
 * once at the position they had, once with positions that tell the control plane nothing, so that
 * all compare their shards with a manifest. How long until all follow all lanes, how often a whole
 * state was built for them, and what an edge costs the control plane in memory.
 */
const edges = 1_000;
const clients = 2;
const devices = 5_000;
const plane = 'control-plane-1';
const settleMs = 5_000;
const tailingMsMax = 180_000;
const lanes = ['revoke', 'config', 'signals', 'directory'] as const;

const importer = new URL(
  '../../packages/control-plane/src/testing/import-devices.ts',
  import.meta.url,
);
const client = new URL('./lib/reconnecting-edges.ts', import.meta.url);

export async function stateReconnect(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const helpers: Helper[] = [];
  options.say('starting the stack');
  const stack = await startStack({ edges: 0, postgresApart: true });
  try {
    return await measure({ stack, dir, helpers }, options);
  } finally {
    await Promise.all(helpers.map((helper) => helper.stop()));
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

interface Site {
  readonly stack: Stack;
  readonly dir: string;
  readonly helpers: Helper[];
}

async function measure(site: Site, { runs, say }: BenchmarkOptions): Promise<Report> {
  const { stack } = site;
  say(`importing ${devices} devices, joining ${edges} edges`);
  await importDevices(stack);
  const identities = await join1000(stack);
  await stack.kill(plane);
  await stack.restart(plane);
  await untilImage(stack);
  await delay(settleMs);
  const before = memoryOf(stack);
  say('connecting them');
  const cold = await firstConnect(site, identities);
  await delay(settleMs);
  const after = memoryOf(stack);

  const warm: Restart[] = [];
  const empty: Restart[] = [];
  for (let run = 1; run <= runs; run += 1) {
    warm.push(await restart(site, false));
    say(`run ${run}: at their positions, all after ${seconds(warm.at(-1))} s`);
    empty.push(await restart(site, true));
    say(`run ${run}: by comparing shards, all after ${seconds(empty.at(-1))} s`);
  }
  return report(cold, warm, empty, (after - before) / edges);
}

interface Restart {
  /** From the instant at which the new process listens, until all edges follow all lanes. */
  readonly seconds: number;
  /** Most that were built of a lane. */
  readonly snapshots: number;
  readonly refused: number;
  /** Processor time of the control plane, from its start until all followed. */
  readonly cpuSeconds: number;
}

/** The importer ends by itself when all are there. */
async function importDevices({ description }: Stack): Promise<void> {
  const helper = await startHelper(importer, null, {
    DATABASE_URL: description.postgres.url,
    COUNT: String(devices),
  });
  await until(
    'the devices are there',
    async () => (JSON.parse(helper.lastLine()) as { devices: number }).devices >= devices,
    { msMax: 120_000, everyMs: 500 },
  );
}

async function join1000(stack: Stack): Promise<SimulatedIdentity[]> {
  const { controlPlanes, tokens, ca } = stack.description;
  const api = await openAdminApi({ url: controlPlanes[0]?.url ?? '', token: tokens.owner, ca });
  try {
    const authority = await readFile(edgeAuthority(stack), 'utf8');
    return await joinSimulated(api, controlPlanes[0]?.grpc ?? '', authority, edges);
  } finally {
    await api.close();
  }
}

function edgeAuthority({ description }: Stack): string {
  return join(description.dir, 'control-plane', 'ca', 'edge.pem');
}

async function firstConnect(
  { stack, dir, helpers }: Site,
  identities: readonly SimulatedIdentity[],
): Promise<number> {
  const startedAtMs = Date.now();
  const each = Math.ceil(identities.length / clients);
  for (let index = 0; index < clients; index += 1) {
    const file = join(dir, `identities-${index}.json`);
    const some = identities.slice(index * each, (index + 1) * each);
    await writeFile(file, JSON.stringify(some), { mode: 0o600 });
    const environment = {
      IDENTITIES: file,
      TARGET: stack.description.controlPlanes[0]?.grpc ?? '',
      CA: edgeAuthority(stack),
    };
    helpers.push(await startHelper(client, null, environment));
  }
  return ((await untilTailing(helpers)) - startedAtMs) / 1_000;
}

async function restart({ stack, helpers }: Site, forget: boolean): Promise<Restart> {
  const before = helpers.map(tailingOf);
  await stack.kill(plane);
  await until('the edges have noticed', async () => tailing(helpers) === 0, {
    msMax: 30_000,
    everyMs: 20,
  });
  if (forget) for (const { pid } of helpers) process.kill(pid, 'SIGUSR2');
  await stack.restart(plane);
  const startedAtMs = Date.now();
  const endedAtMs = await untilTailing(helpers);
  const after = helpers.map(tailingOf);
  const used = cpuSeconds(stack.pid(plane));
  const refused = after.reduce(
    (all, line, index) => all + line.refused - (before[index]?.refused ?? 0),
    0,
  );
  const metrics = await metricsOf(stack);
  const built = lanes.map((lane) =>
    valueOf(metrics, `sallyport_snapshots_built_total{lane="${lane}"}`),
  );
  return {
    seconds: Math.max(0, endedAtMs - startedAtMs) / 1_000,
    snapshots: Math.max(...built),
    refused,
    cpuSeconds: used,
  };
}

function tailingOf(helper: Helper): Tailing {
  return JSON.parse(helper.lastLine()) as Tailing;
}

function tailing(helpers: readonly Helper[]): number {
  return helpers.reduce((all, helper) => all + tailingOf(helper).edges, 0);
}

/** When the last of them came, wall time. */
async function untilTailing(helpers: readonly Helper[]): Promise<number> {
  await until('all edges follow', async () => tailing(helpers) === edges, {
    msMax: tailingMsMax,
    everyMs: 20,
  });
  return Math.max(...helpers.map((helper) => tailingOf(helper).atMs));
}

async function untilImage(stack: Stack): Promise<void> {
  await until(
    'the control plane has all rows',
    async () => valueOf(await metricsOf(stack), 'sallyport_lane_rows{lane="directory"}') >= devices,
    { msMax: 60_000, everyMs: 200 },
  );
}

async function metricsOf(stack: Stack): Promise<string> {
  const response = await fetch(`${stack.description.controlPlanes[0]?.ops ?? ''}/metrics`);
  return response.text();
}

function valueOf(metrics: string, name: string): number {
  const line = metrics.split('\n').find((one) => one.startsWith(`${name} `));
  return line === undefined ? 0 : Number(line.slice(name.length + 1));
}

/** Resident memory of the control plane, KiB, from proc(5). */
function memoryOf(stack: Stack): number {
  const status = readFileSync(`/proc/${stack.pid(plane)}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
}

function seconds(one: Restart | undefined): string {
  return one === undefined ? '' : one.seconds.toFixed(1);
}

function report(
  cold: number,
  warm: readonly Restart[],
  empty: readonly Restart[],
  memoryKib: number,
): Report {
  const figure = (what: string, unit: string, value: number, goal: number | null): Figure => ({
    what,
    unit,
    value,
    goal,
    better: 'lower',
  });
  const of = (all: readonly Restart[]): number => median(all.map((one) => one.seconds));
  const cpu = (all: readonly Restart[]): number => median(all.map((one) => one.cpuSeconds));
  const most = (all: readonly Restart[]): number => Math.max(...all.map((one) => one.snapshots));
  const refused = [...warm, ...empty].map((one) => one.refused);
  return {
    versions: { node: process.versions.node },
    figures: [
      figure('1,000 edges after a restart, at their positions, all tailing', 's', of(warm), 10),
      figure('1,000 edges after a restart, comparing shards, all tailing', 's', of(empty), 10),
      figure('snapshots built of a lane, most, at their positions', '', most(warm), 1),
      figure('snapshots built of a lane, most, comparing shards', '', most(empty), 1),
      figure('processor time of the control plane, at their positions', 's', cpu(warm), null),
      figure('processor time of the control plane, comparing shards', 's', cpu(empty), null),
      figure('1,000 edges with no state, all have all shards', 's', cold, null),
      figure('memory of the control plane for a connected edge', 'KiB', memoryKib, null),
    ],
    notes: [
      `two connections and two streams an edge, ${clients} client processes on the same machine; ${devices} devices in the directory`,
      'counted from the instant at which the restarted control plane says that it listens; processor time from its start, its own start included',
      `Hellos refused for load: ${refused.join(' ')}`,
      'memory: resident, 5 s after all had connected for the first time, against 5 s before; what was sent to them counts in',
    ],
  };
}
