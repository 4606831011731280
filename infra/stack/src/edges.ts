import { join } from 'node:path';
import type { AdminApi } from './client/admin-api.ts';
import type { ControlPlane, Installation } from './control-plane.ts';
import { entryOf } from './paths.ts';
import type { StackPki } from './pki.ts';
import { waitReady } from './ready.ts';
import type { Running } from './running.ts';
import type { EdgeDescription, Reach } from './stack.ts';

const regions = ['eu', 'us'] as const;
const readyMsMax = 30_000;

export interface EdgesOptions {
  readonly running: Running;
  readonly api: AdminApi;
  /** What edges are told of; each begins with another one. */
  readonly planes: readonly ControlPlane[];
  readonly installation: Installation;
  readonly pki: StackPki;
  readonly count: number;
  /** Where this edge finds a part of the stack: the address itself, or one on the way. */
  readonly reach: Reach;
  /** Variables of the bus as this edge finds it. */
  readonly bus: (edge: string) => Promise<Readonly<Record<string, string>>>;
  readonly environment: Readonly<Record<string, string>>;
}

/** `eu-1`, `us-1`, `eu-2`, `us-2` and so on. */
function regionOf(index: number): string {
  return `${regions[index % regions.length] ?? ''}-${Math.floor(index / regions.length) + 1}`;
}

/** The first of several is the canary; only settings with such a ring make a difference. */
function labelsOf(index: number, count: number): Readonly<Record<string, string>> {
  return index === 0 && count > 1 ? { ring: 'canary' } : {};
}

/** Starts edges, each with a join token of its own. They listen when this resolves. */
export async function startEdges(options: EdgesOptions): Promise<EdgeDescription[]> {
  return Promise.all(
    Array.from({ length: options.count }, (_, index) => startEdge(options, index)),
  );
}

async function startEdge(
  { running, api, planes, installation, pki, count, reach, bus, environment }: EdgesOptions,
  index: number,
): Promise<EdgeDescription> {
  const name = `edge-${index + 1}`;
  const region = regionOf(index);
  const labels = labelsOf(index, count);
  const first = index % planes.length;
  const targets = await Promise.all(
    [...planes.slice(first), ...planes.slice(0, first)].map((plane) =>
      reach({ from: name, to: plane.name, target: plane.grpc }),
    ),
  );
  const invited = await api.post<{ readonly token: string }>('/v1/edges:join-token', {});
  const started = running.start({
    name,
    entry: entryOf('edge-proxy'),
    env: {
      SALLYPORT_HOME: join(running.dir, name),
      SALLYPORT_LISTEN: '127.0.0.1:0',
      SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
      SALLYPORT_TLS_CERTIFICATES: pki.edges,
      SALLYPORT_CONTROL_PLANES: targets.join(','),
      SALLYPORT_CONTROL_PLANE_CA: installation.edgeCa,
      SALLYPORT_JOIN_TOKEN: invited.body.token,
      SALLYPORT_REGION: region,
      ...(Object.keys(labels).length > 0 && { SALLYPORT_LABELS: written(labels) }),
      // Nobody waits for the end of a development stack's downloads.
      SALLYPORT_DRAIN_SECONDS: '1',
      SALLYPORT_DRAIN_NOTICE_SECONDS: '0',
      // A machine with all of a deployment on it is slow for other reasons than requests.
      SALLYPORT_OVERLOAD_LAG_MS: '2000',
      ...(await bus(name)),
      ...environment,
    },
  });
  const { edgeId, port, ops } = await started.ready;
  running.amend(name, {
    SALLYPORT_LISTEN: `127.0.0.1:${String(port)}`,
    SALLYPORT_OPS_LISTEN: new URL(String(ops)).host,
  });
  return {
    name,
    id: String(edgeId),
    region,
    labels,
    url: `https://127.0.0.1:${String(port)}`,
    port: Number(port),
    ops: String(ops),
    pid: started.pid,
  };
}

function written(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}

/** Waits until every edge has its state and would serve requests. */
export async function waitEdges(edges: readonly EdgeDescription[]): Promise<void> {
  await Promise.all(edges.map(({ ops }) => waitReady(`${ops}/readyz`, readyMsMax)));
}
