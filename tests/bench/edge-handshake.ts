import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startStack } from '@sallyport/stack';
import { idle, middle, nginxVersion, ratio, ratios } from './lib/figures.ts';
import type { HandshakeResult } from './lib/handshakes.ts';
import { type Ends, endAll, startBare, startPlainNginx } from './lib/path-sides.ts';
import type { BenchmarkOptions, Figure, Report } from './lib/report.ts';
import { askSide, otherCore, type Side, serverCore } from './lib/side.ts';
import { createFiles, openEdge } from './lib/site.ts';
import { startUpstream } from './lib/upstream-nginx.ts';

/**
 * New connections with client certificates, one request on each: the edge against a bare Node proxy
 * and nginx, with the same group and cipher; and the edge with the group that browsers choose.
 */
const atATime = 16;
const warmupMs = 1_000;
const names = {
  edge: 'edge',
  hybrid: 'edge, X25519MLKEM768',
  bare: 'bare proxy',
  nginx: 'nginx, plain',
} as const;
type Name = keyof typeof names;

export async function edgeHandshake(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const ends: Ends = [() => rm(dir, { recursive: true, force: true })];
  try {
    options.say('starting the stack');
    const stack = await startStack({ edges: 1 });
    ends.push(() => stack.stop());
    const files = await createFiles(dir);
    const upstream = await startUpstream(files);
    ends.push(() => upstream.stop());
    const edge = await openEdge(stack, files, upstream.port);
    const hybrid = { ...edge, environment: { ...edge.environment, GROUP: 'X25519MLKEM768' } };
    const bare = await startBare(files, upstream.port, edge, ends);
    const nginx = await startPlainNginx(files, upstream.port, edge, ends);
    return await report(await alternate({ edge, hybrid, bare, nginx }, options));
  } finally {
    await endAll(ends);
  }
}

async function alternate(
  sides: Readonly<Record<Name, Side>>,
  { runs, seconds, say }: BenchmarkOptions,
): Promise<Record<Name, HandshakeResult[]>> {
  const measured: Record<Name, HandshakeResult[]> = { edge: [], hybrid: [], bare: [], nginx: [] };
  for (let run = 1; run <= runs; run += 1) {
    for (const [name, side] of Object.entries(sides) as [Name, Side][]) {
      const one = await askSide<HandshakeResult>('handshakes', side, {
        CONNECTIONS: String(atATime),
        WARMUP_MS: String(warmupMs),
        SECONDS: String(seconds),
      });
      if (one.failures > 0) throw new Error(`${one.failures} connections failed`);
      measured[name].push(one);
      say(`run ${run} of ${runs}, ${names[name]}: ${rate(one).toFixed(0)} a second`);
    }
  }
  return measured;
}

const rate = (run: HandshakeResult): number => run.connections / run.seconds;
const perCpuSecond = (run: HandshakeResult): number => run.connections / run.serverCpuSeconds;

async function report(measured: Record<Name, HandshakeResult[]>): Promise<Report> {
  const { edge, bare, nginx } = measured;
  return {
    versions: {
      node: process.versions.node,
      openssl: process.versions.openssl,
      ...(await nginxVersion()),
    },
    figures: [
      ratio('edge against a bare Node proxy, connections a second', ratios(edge, bare, rate), null),
      ratio('edge against nginx, connections a second', ratios(edge, nginx, rate), null),
      ratio('edge against nginx, by processor time', ratios(edge, nginx, perCpuSecond), null),
      ...(Object.entries(names) as [Name, string][]).flatMap(([name, text]) =>
        ofSide(text, measured[name]),
      ),
    ],
    notes: [
      `TLS 1.3 with a client certificate and one request on each connection, ${atATime} at a time; certificates ECDSA P-256, group X25519 where not said, nothing resumed`,
      `what is measured on core ${serverCore}, everything else on core ${otherCore}; where the client leaves nothing of its core, the processor time says more than connections a second`,
    ],
  };
}

function ofSide(name: string, runs: readonly HandshakeResult[]): Figure[] {
  const costUs = (run: HandshakeResult): number => 1e6 / perCpuSecond(run);
  return [
    middle(`${name}, new connections a second`, '1/s', runs, rate, 'higher'),
    middle(`${name}, processor time for a connection`, 'us', runs, costUs, 'lower'),
    middle(`${name}, handshake p50`, 'ms', runs, (run) => run.p50Ms, 'lower'),
    middle(`${name}, handshake p99`, 'ms', runs, (run) => run.p99Ms, 'lower'),
    ...idle(name, runs),
  ];
}
