import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stack, startStack } from '@sallyport/stack';
import { openAdmin } from '../support/cast.ts';
import { revoke } from '../support/revoke.ts';
import { until } from '../support/until.ts';
import { type Client, readClient } from './lib/client.ts';
import { IdleHttp2Connections, IdleHttp2WebSockets } from './lib/idle-http2.ts';
import {
  type Idle,
  IdleConnections,
  type IdleSockets,
  IdleWebSockets,
} from './lib/idle-sockets.ts';
import type { LoadResult } from './lib/load.ts';
import {
  type Memory,
  type MemoryShare,
  probeEnvironment,
  settledMemory,
  shareOf,
} from './lib/memory.ts';
import { cpuSeconds } from './lib/meter.ts';
import { type Ends, endAll } from './lib/path-sides.ts';
import { allowFiles, startHelper } from './lib/processes.ts';
import type { BenchmarkOptions, Report } from './lib/report.ts';
import { host, load, otherCore, type Side } from './lib/side.ts';
import { type BenchFiles, createFiles, openEdge } from './lib/site.ts';
import { type Counts, socketsReport } from './lib/sockets-report.ts';

/**
 * What open connections cost an edge that do nothing: memory of an idle connection and of a
 * WebSocket, requests beside 10,000 WebSockets, and the end of all of them with their user's.
 */
const wanted = Number(process.env['BENCH_SOCKETS'] ?? '10000');
const warmUp = 20;
/** Of each protocol, without WebSockets: enough that what else comes and goes hardly counts. */
const connectionsMax = 4_000;
const filesMax = 65_536;
/** An edge keeps so many, or a third, for itself; half of the others is for clients, half for upstreams. */
const edgeFiles = 1_024;
/** WebSockets that share connections of HTTP/2. */
const http2Max = 1_000;
/** For requests beside them. */
const spareConnections = 100;
const revokedMsMax = 120_000;

export async function edgeSockets(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const ends: Ends = [() => rm(dir, { recursive: true, force: true })];
  const counts = countsFor(allowFiles(filesMax));
  try {
    const files = await createFiles(dir);
    const entry = new URL('./lib/socket-upstream.ts', import.meta.url);
    const upstream = await startHelper(entry, otherCore, files.server);
    ends.push(() => upstream.stop());
    const setting: Setting = { files, upstreamPort: upstream.port, counts, options };
    const http2Connection = await onNewEdge(setting, (site) =>
      connectionShare(site, (client) => new IdleHttp2Connections(client)),
    );
    const connection = await onNewEdge(setting, (site) =>
      connectionShare(site, (client) => new IdleConnections(client)),
    );
    const webSockets = await onNewEdge(setting, measureWebSockets);
    return socketsReport(counts, { connection, http2Connection, ...webSockets });
  } finally {
    await endAll(ends);
  }
}

/**
 * Each WebSocket takes a file of the edge to the upstream, and one to the client unless it shares a
 * connection of HTTP/2: as many as there are files for have one of their own.
 */
function countsFor(files: number): Counts {
  const half = Math.floor((files - Math.min(edgeFiles, Math.floor(files / 3))) / 2);
  const connections = Math.min(connectionsMax, wanted, half - spareConnections);
  const all = Math.min(wanted, half - spareConnections);
  const http2WebSockets = Math.min(http2Max, Math.ceil(all / 10));
  return { wanted, webSockets: all - http2WebSockets, http2WebSockets, connections };
}

interface Setting {
  readonly files: BenchFiles;
  readonly upstreamPort: number;
  readonly counts: Counts;
  readonly options: BenchmarkOptions;
}

interface Site {
  readonly stack: Stack;
  readonly edge: Side;
  /** As the edge's device and user. */
  readonly client: Client;
  /** Memory of the edge once it has settled. */
  readonly memory: () => Promise<Memory>;
  readonly setting: Setting;
}

/** What was open on an edge before leaves memory behind, so each that measures it has its own. */
async function onNewEdge<T>(setting: Setting, measure: (site: Site) => Promise<T>): Promise<T> {
  const { files, upstreamPort, options } = setting;
  options.say('starting a stack');
  const probed = join(files.dir, 'memory.json');
  const stack = await startStack({ edges: 1, edgeEnvironment: probeEnvironment(probed) });
  try {
    const edge = await openEdge(stack, files, upstreamPort);
    const client = readClient({
      ...edge.environment,
      PORT: String(edge.port),
      HOST_NAME: `${host}:${edge.port}`,
    });
    const [pid = 0] = edge.pids();
    const memory = () => settledMemory(pid, probed);
    return await measure({ stack, edge, client, memory, setting });
  } finally {
    await stack.stop();
  }
}

/** Memory of a connection after a request, on an edge that has been at work. */
async function connectionShare(
  { edge, client, memory, setting }: Site,
  create: (client: Client) => IdleSockets,
): Promise<MemoryShare> {
  const { counts, options } = setting;
  await load(edge, options.seconds);
  await openAndClose([create(client)]);
  const before = await memory();
  const connections = create(client);
  const share = await opened(connections, counts.connections, { before, memory, ...options });
  await closeAll(connections);
  return share.each;
}

async function measureWebSockets({ stack, edge, client, memory, setting }: Site) {
  const { counts, options } = setting;
  const { runs, seconds, say } = options;
  const [pid = 0] = edge.pids();
  const loads = async (): Promise<LoadResult[]> => {
    const results: LoadResult[] = [];
    for (let run = 0; run < runs; run += 1) results.push(await load(edge, seconds));
    return results;
  };
  const alone = await loads();
  await openAndClose([new IdleWebSockets(client), new IdleHttp2WebSockets(client)]);
  const before = await memory();
  const webSocket = new IdleWebSockets(client);
  const own = await opened(webSocket, counts.webSockets, { before, memory, say });
  const http2WebSocket = new IdleHttp2WebSockets(client);
  const withOwn = { before: own.memory, memory, say };
  const shared = await opened(http2WebSocket, counts.http2WebSockets, withOwn);
  const openingMs = own.openingMs + shared.openingMs;
  const openedASecond = ((webSocket.size + http2WebSocket.size) * 1000) / openingMs;
  // What was opened or closed a moment ago still makes work: records of it, for one.
  const used = cpuSeconds(pid);
  await sleep(seconds * 1000);
  const idleShare = (cpuSeconds(pid) - used) / seconds;
  const answersMs = await webSocket.ask();
  say(`all ${answersMs.length} answer`);
  const beside = await loads();
  const left = webSocket.size + http2WebSocket.size;
  if (left !== counts.webSockets + counts.http2WebSockets) throw new Error(`${left} are left`);
  const again = webSocket.again + http2WebSocket.again;
  const endedSeconds = await endAllOf(stack, [webSocket, http2WebSocket]);
  return {
    webSocket: own.each,
    http2WebSocket: shared.each,
    ...{ openedASecond, again, idleShare, answersMs, alone, beside, endedSeconds },
  };
}

/** What is made once, by the first of each kind, is nobody's share. */
async function openAndClose(firsts: readonly IdleSockets[]): Promise<void> {
  for (const first of firsts) {
    await first.open(warmUp);
    await closeAll(first);
  }
}

/** Opens so many; what each takes, the memory with all of them, and how long the opening took. */
async function opened(
  sockets: IdleSockets,
  count: number,
  {
    before,
    memory,
    say,
  }: { before: Memory; memory: () => Promise<Memory>; say: BenchmarkOptions['say'] },
): Promise<{ each: MemoryShare; memory: Memory; openingMs: number }> {
  say(`opening ${count}`);
  const startedAt = performance.now();
  await sockets.open(count);
  const openingMs = performance.now() - startedAt;
  const now = await memory();
  if (sockets.size !== count) throw new Error(`${count - sockets.size} were closed`);
  const each = shareOf(now, before, count);
  say(`${(each.residentBytes / 1024).toFixed(1)} KiB each`);
  return { each, memory: now, openingMs };
}

async function closeAll(sockets: Idle): Promise<void> {
  sockets.close();
  await until('all are closed', () => sockets.size === 0);
}

/** From the revocation of their user to the end of the last. */
async function endAllOf({ description }: Stack, all: readonly Idle[]): Promise<number> {
  const api = await openAdmin(description);
  try {
    const startedAt = performance.now();
    await revoke(api, { kind: 'user', email: description.users[0]?.email ?? '' }, 'end');
    const ended = (): boolean => all.every(({ size }) => size === 0);
    await until('all are ended', ended, { msMax: revokedMsMax });
    return (performance.now() - startedAt) / 1000;
  } finally {
    await api.close();
  }
}
