import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Stack, startStack } from '@sallyport/stack';
import { openAdmin } from '../support/cast.ts';
import { revoke } from '../support/revoke.ts';
import { until } from '../support/until.ts';
import { readClient } from './lib/client.ts';
import { IdleHttp2Connections, IdleHttp2WebSockets } from './lib/idle-http2.ts';
import {
  type Idle,
  IdleConnections,
  type IdleSockets,
  IdleWebSockets,
} from './lib/idle-sockets.ts';
import type { LoadResult } from './lib/load.ts';
import { type MemoryShare, probeEnvironment, settledMemory, shareOf } from './lib/memory.ts';
import { cpuSeconds } from './lib/meter.ts';
import { type Ends, endAll } from './lib/path-sides.ts';
import { allowFiles, startHelper } from './lib/processes.ts';
import type { BenchmarkOptions, Report } from './lib/report.ts';
import { host, load, otherCore, type Side } from './lib/side.ts';
import { createFiles, openEdge } from './lib/site.ts';
import { type Counts, type Measured, type PerKind, socketsReport } from './lib/sockets-report.ts';

/**
 * What open connections cost an edge that do nothing: memory of an idle connection and of a
 * WebSocket, requests beside 10,000 WebSockets, and the end of all of them with their user's.
 */
const wanted = Number(process.env['BENCH_SOCKETS'] ?? '10000');
const warmUp = 20;
/** Of each protocol, without WebSockets. */
const connectionsMax = 500;
const filesMax = 65_536;
/** An edge keeps so many, or a third, for itself; half of the others is for clients, half for upstreams. */
const edgeFiles = 1_024;
/** For requests beside them. */
const spareConnections = 100;
const revokedMsMax = 120_000;

export async function edgeSockets(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const ends: Ends = [() => rm(dir, { recursive: true, force: true })];
  const probed = join(dir, 'memory.json');
  const counts = countsFor(allowFiles(filesMax));
  try {
    options.say('starting the stack');
    const stack = await startStack({ edges: 1, edgeEnvironment: probeEnvironment(probed) });
    ends.push(() => stack.stop());
    const files = await createFiles(dir);
    const entry = new URL('./lib/socket-upstream.ts', import.meta.url);
    const upstream = await startHelper(entry, otherCore, files.server);
    ends.push(() => upstream.stop());
    const edge = await openEdge(stack, files, upstream.port);
    const measured = await measure({ stack, edge, probed, counts }, options);
    return socketsReport(counts, measured);
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
  const connections = Math.min(connectionsMax, Math.floor(wanted / 10));
  const all = Math.min(wanted, half - spareConnections);
  const webSockets = Math.min(all, half - spareConnections - 2 * connections);
  const http2WebSockets = all - webSockets;
  return { wanted, webSockets, http2WebSockets, connections };
}

interface Site {
  readonly stack: Stack;
  readonly edge: Side;
  /** Where the memory probe writes. */
  readonly probed: string;
  readonly counts: Counts;
}

async function measure(
  { stack, edge, probed, counts }: Site,
  { runs, seconds, say }: BenchmarkOptions,
): Promise<Measured> {
  const [pid = 0] = edge.pids();
  const client = readClient({
    ...edge.environment,
    PORT: String(edge.port),
    HOST_NAME: `${host}:${edge.port}`,
  });
  const kinds = () => ({
    connection: new IdleConnections(client),
    http2Connection: new IdleHttp2Connections(client),
    webSocket: new IdleWebSockets(client),
    http2WebSocket: new IdleHttp2WebSockets(client),
  });
  const loads = async (): Promise<LoadResult[]> => {
    const results: LoadResult[] = [];
    for (let run = 0; run < runs; run += 1) results.push(await load(edge, seconds));
    return results;
  };
  const alone = await loads();
  // What is made once, by the first of each kind, is nobody's share.
  for (const first of Object.values(kinds())) {
    await first.open(warmUp);
    await closeAll(first);
  }
  let before = await settledMemory(pid, probed);
  let openingMs = 0;
  /** Opens them; what each takes. None is closed before the next are open: they would have its memory. */
  const opened = async (sockets: IdleSockets, count: number): Promise<MemoryShare | null> => {
    if (count === 0) return null;
    say(`opening ${count}`);
    const startedAt = performance.now();
    await sockets.open(count);
    openingMs += performance.now() - startedAt;
    const now = await settledMemory(pid, probed);
    if (sockets.size !== count) throw new Error(`${count - sockets.size} were closed`);
    const share = shareOf(now, before, count);
    before = now;
    say(`${(share.residentBytes / 1024).toFixed(1)} KiB each`);
    return share;
  };
  const { connection, http2Connection, webSocket, http2WebSocket } = kinds();
  const perHttp2WebSocket = await opened(http2WebSocket, counts.http2WebSockets);
  const perWebSocket = await opened(webSocket, counts.webSockets);
  const openedASecond = ((webSocket.size + http2WebSocket.size) * 1000) / openingMs;
  // What was opened or closed a moment ago still makes work: records of it, for one.
  const used = cpuSeconds(pid);
  await sleep(seconds * 1000);
  const idleShare = (cpuSeconds(pid) - used) / seconds;
  const per: PerKind = {
    webSocket: perWebSocket,
    http2WebSocket: perHttp2WebSocket,
    http2Connection: await opened(http2Connection, counts.connections),
    connection: await opened(connection, counts.connections),
  };
  await closeAll(connection);
  await closeAll(http2Connection);
  const answersMs = await webSocket.ask();
  say(`all ${answersMs.length} answer`);
  const beside = await loads();
  const left = webSocket.size + http2WebSocket.size;
  if (left !== counts.webSockets + counts.http2WebSockets) throw new Error(`${left} are left`);
  const again = webSocket.again + http2WebSocket.again;
  const endedSeconds = await endAllOf(stack, [webSocket, http2WebSocket]);
  return { per, openedASecond, again, idleShare, answersMs, alone, beside, endedSeconds };
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
