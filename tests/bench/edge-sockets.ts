import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stack, startStack } from '@sallyport/stack';
import { openAdmin } from '../support/cast.ts';
import { revoke } from '../support/revoke.ts';
import { until } from '../support/until.ts';
import { readClient } from './lib/client.ts';
import { middle } from './lib/figures.ts';
import { IdleConnections, IdleWebSockets } from './lib/idle-sockets.ts';
import type { LoadResult } from './lib/load.ts';
import { probeEnvironment, residentBytes, type ThreadMemory, threadMemory } from './lib/memory.ts';
import { cpuSeconds } from './lib/meter.ts';
import { type Ends, endAll } from './lib/path-sides.ts';
import { allowFiles, startHelper } from './lib/processes.ts';
import { type BenchmarkOptions, type Figure, percentile, type Report } from './lib/report.ts';
import { host, load, otherCore, type Side, serverCore } from './lib/side.ts';
import { createFiles, openEdge } from './lib/site.ts';

/**
 * What open connections cost an edge that do nothing: memory of an idle connection and of a
 * WebSocket, requests beside 10,000 WebSockets, and the end of all of them with their user's.
 */
const wanted = Number(process.env['BENCH_SOCKETS'] ?? '10000');
const warmUp = 200;
const filesMax = 65_536;
/** Files of an edge besides sockets, and some room for requests. */
const otherFiles = 300;
const revokedMsMax = 120_000;

export async function edgeSockets(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const ends: Ends = [() => rm(dir, { recursive: true, force: true })];
  const probed = join(dir, 'memory.json');
  // The edge has two for each: to the client and to the upstream.
  const webSockets = Math.min(wanted, Math.floor((allowFiles(filesMax) - otherFiles) / 2));
  try {
    options.say('starting the stack');
    const stack = await startStack({ edges: 1, edgeEnvironment: probeEnvironment(probed) });
    ends.push(() => stack.stop());
    const files = await createFiles(dir);
    const entry = new URL('./lib/socket-upstream.ts', import.meta.url);
    const upstream = await startHelper(entry, otherCore, files.server);
    ends.push(() => upstream.stop());
    const edge = await openEdge(stack, files, upstream.port);
    return report(await measure({ stack, edge, probed, webSockets }, options));
  } finally {
    await endAll(ends);
  }
}

interface Site {
  readonly stack: Stack;
  readonly edge: Side;
  /** Where the memory probe writes. */
  readonly probed: string;
  /** That are opened. */
  readonly webSockets: number;
}

interface Memory {
  readonly residentBytes: number;
  readonly threads: readonly ThreadMemory[];
}

interface Share {
  readonly residentBytes: number;
  /** Heap and what belongs to it, of all threads. */
  readonly heapBytes: number;
}

interface Measured {
  readonly webSockets: number;
  readonly idleConnections: number;
  readonly perConnection: Share;
  readonly perWebSocket: Share;
  readonly openedASecond: number;
  /** Share of a core that the edge takes while nothing happens. */
  readonly idleShare: number;
  readonly answersMs: readonly number[];
  readonly alone: readonly LoadResult[];
  readonly beside: readonly LoadResult[];
  readonly endedSeconds: number;
}

async function measure(site: Site, { runs, seconds, say }: BenchmarkOptions): Promise<Measured> {
  const { edge, webSockets } = site;
  const idleConnections = Math.ceil(webSockets / 5);
  const [pid = 0] = edge.pids();
  const client = readClient({
    ...edge.environment,
    PORT: String(edge.port),
    HOST_NAME: `${host}:${edge.port}`,
  });
  // What is made once, by the first of each kind, is nobody's share.
  for (const first of [new IdleConnections(client), new IdleWebSockets(client)]) {
    await first.open(warmUp);
    await closeAll(first);
  }
  const loads = async (): Promise<LoadResult[]> => {
    const all: LoadResult[] = [];
    for (let run = 0; run < runs; run += 1) all.push(await load(edge, seconds));
    return all;
  };
  const alone = await loads();
  const empty = await memoryOf(pid, site.probed);

  say(`opening ${idleConnections} connections`);
  const connections = new IdleConnections(client);
  await connections.open(idleConnections);
  const perConnection = share(await memoryOf(pid, site.probed), empty, connections.size);
  if (connections.size !== idleConnections) throw new Error('idle connections were closed');
  await closeAll(connections);
  const before = await memoryOf(pid, site.probed);

  say(`opening ${webSockets} WebSockets`);
  const startedAt = performance.now();
  const sockets = new IdleWebSockets(client);
  await sockets.open(webSockets);
  const openedASecond = (webSockets * 1000) / (performance.now() - startedAt);
  const perWebSocket = share(await memoryOf(pid, site.probed), before, webSockets);
  const used = cpuSeconds(pid);
  await sleep(seconds * 1000);
  const idleShare = (cpuSeconds(pid) - used) / seconds;
  const answersMs = await sockets.ask();
  say(`all ${answersMs.length} answer`);
  const beside = await loads();
  if (sockets.size !== webSockets) throw new Error(`${sockets.size} WebSockets are left`);
  const endedSeconds = await endAllOf(site.stack, sockets);
  const counts = { webSockets, idleConnections };
  const each = { perConnection, perWebSocket, openedASecond, idleShare };
  return { ...counts, ...each, answersMs, alone, beside, endedSeconds };
}

async function closeAll(sockets: IdleConnections | IdleWebSockets): Promise<void> {
  sockets.close();
  await until('all are closed', () => sockets.size === 0);
}

async function memoryOf(pid: number, probed: string): Promise<Memory> {
  const threads = await threadMemory(pid, probed);
  return { residentBytes: residentBytes(pid), threads };
}

/** What each of so many takes more than was taken before; of the threads that were there then too. */
function share(now: Memory, before: Memory, count: number): Share {
  const heapBytes = now.threads.reduce((sum, thread) => {
    const then = before.threads.find((one) => one.thread === thread.thread);
    if (then === undefined) return sum;
    return sum + thread.heapBytes + thread.externalBytes - then.heapBytes - then.externalBytes;
  }, 0);
  return {
    residentBytes: (now.residentBytes - before.residentBytes) / count,
    heapBytes: heapBytes / count,
  };
}

/** From the revocation of their user to the end of the last. */
async function endAllOf({ description }: Stack, sockets: IdleWebSockets): Promise<number> {
  const api = await openAdmin(description);
  try {
    const startedAt = performance.now();
    await revoke(api, { kind: 'user', email: description.users[0]?.email ?? '' }, 'end');
    await until('all are ended', () => sockets.size === 0, { msMax: revokedMsMax });
    return (performance.now() - startedAt) / 1000;
  } finally {
    await api.close();
  }
}

function report(measured: Measured): Report {
  const { webSockets, idleConnections, perConnection, perWebSocket } = measured;
  const { alone, beside, answersMs } = measured;
  const lower = (what: string, unit: string, value: number): Figure => ({
    what,
    unit,
    value,
    goal: null,
    better: 'lower',
  });
  const rate = (run: LoadResult): number => run.requests / run.seconds;
  const p99Ms = (run: LoadResult): number => run.p99Ms;
  const all = `${webSockets} WebSockets`;
  return {
    versions: { node: process.versions.node, openssl: process.versions.openssl },
    figures: [
      lower('memory of an idle connection', 'KiB', perConnection.residentBytes / 1024),
      lower('of that, heap and what belongs to it', 'KiB', perConnection.heapBytes / 1024),
      lower('memory of a WebSocket, both connections', 'KiB', perWebSocket.residentBytes / 1024),
      lower('of that, heap and what belongs to it', 'KiB', perWebSocket.heapBytes / 1024),
      { ...lower('WebSockets opened a second', '1/s', measured.openedASecond), better: 'higher' },
      lower(`${all} that are idle, share of a core`, 'ratio', measured.idleShare),
      lower(`${all}, a frame there and back, p50`, 'ms', percentile(answersMs, 0.5)),
      lower(`${all}, a frame there and back, p99`, 'ms', percentile(answersMs, 0.99)),
      middle('requests a second without them', '1/s', alone, rate, 'higher'),
      middle(`requests a second beside ${all}`, '1/s', beside, rate, 'higher'),
      middle('request p99 without them', 'ms', alone, p99Ms, 'lower'),
      middle(`request p99 beside ${all}`, 'ms', beside, p99Ms, 'lower'),
      lower(`from the revocation of a user to the end of ${all}`, 's', measured.endedSeconds),
    ],
    notes: [
      `memory: what is in RAM after a collection of all garbage, of ${idleConnections} connections with client certificates and of ${webSockets} WebSockets, with TLS to the client and to the upstream`,
      ...(webSockets < wanted
        ? [`no more than ${webSockets} WebSockets: an edge may not have more files open here`]
        : []),
      `edge on core ${serverCore}, everything else on core ${otherCore}`,
    ],
  };
}
