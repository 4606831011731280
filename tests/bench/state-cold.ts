import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stack, startStack } from '@sallyport/stack';
import { openAdmin, userOf } from '../support/cast.ts';
import { readMetrics, sum } from '../support/metrics.ts';
import { Asker, openSession, type Session } from '../support/sessions.ts';
import { until } from '../support/until.ts';
import { probeEnvironment, type ThreadMemory, threadMemory } from './lib/memory.ts';
import { cpuSeconds } from './lib/meter.ts';
import { pin, pinBackground, runHelper } from './lib/processes.ts';
import { type BenchmarkOptions, type Figure, median, type Report } from './lib/report.ts';

/**
 * How long a real edge process takes from its start to the first right decision with a million
 * devices, their certificates and a million ended sessions: from its disk with the control plane
 * dead, and without a disk over gRPC. Right is: an open session is served, and a revoked one is not.
 */
const rowsEach = Number(process.env['BENCH_ROWS'] ?? '1000000');
const edgeCore = 0;
const otherCore = 1;
const startMsMax = 300_000;
const mebibyte = 2 ** 20;
const filler = new URL(
  '../../packages/control-plane/src/testing/fill-database.ts',
  import.meta.url,
);
const edge = 'edge-1';
const plane = 'control-plane-1';

interface Site {
  readonly stack: Stack;
  readonly asker: Asker;
  readonly open: Session;
  readonly revoked: Session;
  /** Where the memory probe writes. */
  readonly probed: string;
  /** Of the edge. */
  readonly state: string;
}

interface Cold {
  readonly seconds: number;
  /** Until the process says that it listens. */
  readonly listeningSeconds: number;
  /** Processor time of the edge by then. */
  readonly cpuSeconds: number;
}

export async function stateCold(options: BenchmarkOptions): Promise<Report> {
  options.say('starting the stack');
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const probed = join(dir, 'memory.json');
  const edgeEnvironment = probeEnvironment(probed);
  const stack = await startStack({ edges: 1, postgresApart: true, edgeEnvironment });
  const asker = await Asker.open(stack.description);
  try {
    return await measure(await signIn(stack, asker, probed), options);
  } finally {
    await asker.close();
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Two sessions, of which one is ended. */
async function signIn(stack: Stack, asker: Asker, probed: string): Promise<Site> {
  const { description } = stack;
  const alice = userOf(description, 'alice');
  const { value: open } = await until('alice is signed in', () => openSession(description, alice));
  const revoked = await openSession(description, alice);
  const api = await openAdmin(description);
  const target = { kind: 'session', id: revoked.sid };
  await api.post('/v1/revocations?wait=enforced', { target, reason: 'A benchmark' });
  await api.close();
  const state = join(description.dir, edge, 'state');
  return { stack, asker, open, revoked, probed, state };
}

async function measure(site: Site, { runs, say }: BenchmarkOptions): Promise<Report> {
  const { stack, state } = site;
  const empty = await coldRuns(site, 1, say, 'from the disk, nearly empty');
  const emptyMemory = await threadMemory(stack.pid(edge), site.probed);
  await stack.kill(edge);
  await fill(site, say);
  const times = Math.min(runs, 5);
  say('the first time, while the replica may still be reading');
  await overGrpc(site, say);
  const grpc: Cold[] = [];
  for (let run = 0; run < times; run += 1) {
    await stack.kill(edge);
    grpc.push(await overGrpc(site, say));
  }
  await stored(state);
  await stack.kill(plane);
  const disk = await coldRuns(site, times, say, 'from the disk');
  const full = await threadMemory(stack.pid(edge), site.probed);
  const offHeapBytes = await stateBytes(stack);
  return report({ disk, grpc, empty, full, emptyMemory, offHeapBytes });
}

/** Starts the edge again and again from its disk. */
async function coldRuns(
  site: Site,
  times: number,
  say: (line: string) => void,
  what: string,
): Promise<Cold[]> {
  const runs: Cold[] = [];
  for (let run = 0; run < times; run += 1) {
    await stored(site.state);
    await site.stack.kill(edge);
    runs.push(await startCold(site));
    say(`${what}: ${runs.at(-1)?.seconds.toFixed(2)} s, processor ${runs.at(-1)?.cpuSeconds} s`);
  }
  return runs;
}

async function overGrpc(site: Site, say: (line: string) => void): Promise<Cold> {
  await rm(site.state, { recursive: true, force: true });
  const cold = await startCold(site);
  say(`over gRPC: ${cold.seconds.toFixed(2)} s, processor ${cold.cpuSeconds} s`);
  return cold;
}

/** From the start of the process to the first answer that is right for both sessions. */
async function startCold({ stack, asker, open, revoked }: Site): Promise<Cold> {
  const startedAt = performance.now();
  const before = stack.pid(edge);
  const restarted = stack.restart(edge);
  while (stack.pid(edge) === before) await sleep(1);
  pin(stack.pid(edge), edgeCore);
  await restarted;
  const listeningSeconds = (performance.now() - startedAt) / 1_000;
  const served = async () => (await asker.status(open, 0)) === 200;
  await until('the open session is served', served, { msMax: startMsMax, everyMs: 2 });
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpu = cpuSeconds(stack.pid(edge));
  const status = await asker.status(revoked, 0);
  if (status !== 401) throw new Error(`the revoked session was answered ${String(status)}`);
  return { seconds, listeningSeconds, cpuSeconds: cpu };
}

/** Puts the rows into the database while no replica runs, and starts one. */
async function fill({ stack }: Site, say: (line: string) => void): Promise<void> {
  await stack.end(plane);
  say(`filling the database with ${rowsEach} devices, certificates and ended sessions`);
  const { seconds } = await runHelper<{ readonly seconds: number }>(filler, otherCore, {
    DATABASE_URL: stack.description.postgres.url,
    COUNT: String(rowsEach),
  });
  say(`filled in ${seconds.toFixed(0)} s`);
  await stack.restart(plane);
  pinBackground(stack.pid(plane), otherCore);
  for (const name of ['postgres', 'idp', 'upstream']) pinBackground(stack.pid(name), otherCore);
  pin(process.pid, otherCore);
}

/** Waits until the directory of the state has not changed for a while. */
async function stored(state: string): Promise<void> {
  let before = '';
  const unchanged = async () => {
    const names = await readdir(state, { recursive: true }).catch((): string[] => []);
    const now = names.sort().join();
    const same = now === before && names.includes('revoke/index');
    before = now;
    return same;
  };
  await until('the state is on disk', unchanged, { msMax: startMsMax, everyMs: 2_000 });
}

/** Of the memory that all threads share. */
async function stateBytes({ description }: Stack): Promise<number> {
  const figures = await readMetrics(description.edges[0]?.ops ?? '');
  const bytes = sum(figures, 'sallyport_edge_state_off_heap_bytes');
  // A device, a certificate and a session cannot take less than their hashes.
  if (bytes < rowsEach * 48) throw new Error(`the edge has no more than ${bytes} bytes of state`);
  return bytes;
}

interface Measured {
  readonly disk: readonly Cold[];
  readonly grpc: readonly Cold[];
  readonly empty: readonly Cold[];
  readonly full: readonly ThreadMemory[];
  readonly emptyMemory: readonly ThreadMemory[];
  readonly offHeapBytes: number;
}

function report(measured: Measured): Report {
  const { disk, grpc, empty, full, emptyMemory, offHeapBytes } = measured;
  const seconds = (cold: readonly Cold[]) => median(cold.map((one) => one.seconds));
  const cpu = (cold: readonly Cold[]) => median(cold.map((one) => one.cpuSeconds));
  const mainOf = (threads: readonly ThreadMemory[]) => {
    const main = threads.find((thread) => thread.main);
    if (main === undefined) throw new Error('the probe saw no main thread');
    return main;
  };
  const main = mainOf(full);
  const before = mainOf(emptyMemory);
  const lower = (what: string, unit: string, value: number, goal: number | null): Figure => ({
    what,
    unit,
    value,
    goal,
    better: 'lower',
  });
  const heap = (main.heapBytes - before.heapBytes) / mebibyte;
  const workers = full.filter((thread) => !thread.main);
  return {
    versions: { node: process.versions.node },
    figures: [
      lower('cold start from disk, control plane dead', 's', seconds(disk), 1.5),
      lower('cold start over gRPC, no disk', 's', seconds(grpc), 5),
      lower('off heap, the state', 'MiB', offHeapBytes / mebibyte, 150),
      lower('heap that the state takes, main thread', 'MiB', heap, 15),
      lower('full collection, main thread', 'ms', main.collectMs, 10),
      lower('off heap, all else of the main thread', 'MiB', main.externalBytes / mebibyte, null),
      lower('heap, all of the main thread', 'MiB', main.heapBytes / mebibyte, null),
      ...workers.flatMap((thread, index) => [
        lower(`heap, all of worker ${index + 1}`, 'MiB', thread.heapBytes / mebibyte, null),
        lower(`full collection, worker ${index + 1}`, 'ms', thread.collectMs, null),
      ]),
      lower('cold start from disk, processor time of the edge', 's', cpu(disk), null),
      lower('cold start over gRPC, processor time of the edge', 's', cpu(grpc), null),
      lower('cold start from disk, nearly no state', 's', seconds(empty), null),
      lower('the same, processor time of the edge', 's', cpu(empty), null),
      lower('full collection, main thread, nearly no state', 'ms', before.collectMs, null),
    ],
    notes: [
      `from the start of the process to the first answer that is right, over ${disk.length} starts from disk and ${grpc.length} over gRPC; the process listens after ${median(disk.map((one) => one.listeningSeconds)).toFixed(2)} s`,
      `${rowsEach} devices, as many certificates, as many ended sessions; edge on core ${edgeCore}, everything else on core ${otherCore}`,
    ],
  };
}
