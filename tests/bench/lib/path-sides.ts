import { processTree, type Stack } from '@sallyport/stack';
import { startNginx } from '../../support/peers/nginx.ts';
import { askingProxy, type ProxyFiles, plainProxy } from '../../support/peers/nginx-proxy.ts';
import { startAuthPeer } from './auth-peer.ts';
import { startHelper } from './processes.ts';
import { type Side, serverCore } from './side.ts';
import { type BenchFiles, openEdge, peerSide } from './site.ts';
import { startUpstream } from './upstream-nginx.ts';

const names = ['edge', 'bare', 'nginx', 'asking'] as const;
export type SideName = (typeof names)[number];
export const sideNames: readonly SideName[] = names;

/** The servers that are compared, in front of one upstream. */
export interface Sides {
  readonly of: Readonly<Record<SideName, Side>>;
  /** The upstream itself, with nothing in front of it. */
  readonly direct: Side;
  readonly upstreamPort: number;
  /** What nginx asks about each request. */
  readonly authName: string;
}

/** What is to be ended when a benchmark is through, the last first. */
export type Ends = (() => Promise<unknown>)[];

export async function startSides(stack: Stack, files: BenchFiles, ends: Ends): Promise<Sides> {
  const upstream = await startUpstream(files);
  ends.push(() => upstream.stop());
  const edge = await openEdge(stack, files, upstream.port);
  const auth = await startAuthPeer();
  ends.push(() => auth.stop());
  const asking = await startNginx({
    core: serverCore,
    http: askingProxy(proxyFiles(files), upstream.port, auth),
  });
  ends.push(() => asking.stop());
  const both = { port: asking.port, pids: () => [...asking.pids(), ...auth.pids()] };
  return {
    of: {
      edge,
      bare: await startBare(files, upstream.port, edge, ends),
      nginx: await startPlainNginx(files, upstream.port, edge, ends),
      asking: peerSide(files, both, edge, auth.cookie),
    },
    direct: peerSide(files, upstream, edge),
    upstreamPort: upstream.port,
    authName: auth.name,
  };
}

/** The bare Node proxy: one process on its core, or several on all. */
export async function startBare(
  files: BenchFiles,
  upstreamPort: number,
  edge: Side,
  ends: Ends,
  processes = 1,
): Promise<Side> {
  const core = processes === 1 ? serverCore : null;
  const bare = await startHelper(new URL('../peers/bare-proxy.ts', import.meta.url), core, {
    ...files.server,
    CA: files.ca,
    DEVICE_CA: files.ca,
    UPSTREAM_PORT: String(upstreamPort),
    PROCESSES: String(processes),
  });
  ends.push(() => bare.stop());
  return peerSide(files, { port: bare.port, pids: () => processTree(bare.pid) }, edge);
}

/** nginx that only passes on. */
export async function startPlainNginx(
  files: BenchFiles,
  upstreamPort: number,
  edge: Side,
  ends: Ends,
): Promise<Side> {
  const http = plainProxy(proxyFiles(files), upstreamPort);
  const nginx = await startNginx({ core: serverCore, http });
  ends.push(() => nginx.stop());
  return peerSide(files, nginx, edge);
}

function proxyFiles({ ca, server }: BenchFiles): ProxyFiles {
  return { cert: server.CERT, key: server.KEY, clientCa: ca, upstreamCa: ca };
}

/** Ends everything in the order that was noted. */
export async function endAll(ends: Ends): Promise<void> {
  for (const end of ends.splice(0).toReversed()) await end();
}
