import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { Browser, openAdminApi, type Stack, type StackUser } from '@sallyport/stack';
import { readMetrics, sum } from '../../support/metrics.ts';
import { until } from '../../support/until.ts';
import { type Helper, pin, pinBackground, startHelper } from './processes.ts';
import { host, otherCore, type Side, serverCore } from './side.ts';

const recordsMsMax = 180_000;

/** Certificates of everything that is not the stack's, from one authority; all are PEM files. */
export interface BenchFiles {
  readonly dir: string;
  readonly ca: string;
  /** Of upstream and peers: for the benchmark's host and for `localhost`. */
  readonly server: { readonly CERT: string; readonly KEY: string };
  /** What a client shows to peers, like a device's. */
  readonly client: { readonly CERT: string; readonly KEY: string };
}

export async function createFiles(dir: string): Promise<BenchFiles> {
  const authority = await createAuthority({ name: 'Bench CA', days: 1 });
  const issue = async (usage: 'server' | 'client') => {
    const issued = await issueWithNewKey(authority, {
      commonName: host,
      ...(usage === 'server' && { dns: [host, 'localhost'], ips: ['127.0.0.1'] }),
      usage,
      days: 1,
    });
    const files = { CERT: join(dir, `${usage}.pem`), KEY: join(dir, `${usage}.key.pem`) };
    await writeFile(files.CERT, issued.certificatePem);
    await writeFile(files.KEY, issued.privateKeyPem, { mode: 0o600 });
    return files;
  };
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, authority.certificatePem);
  return { dir, ca, server: await issue('server'), client: await issue('client') };
}

/**
 * Puts an upstream behind the first edge of a stack and signs a user in there; pins the edge to its
 * cores and everything else to the other one.
 */
export async function openEdge(
  stack: Stack,
  files: BenchFiles,
  upstreamPort: number,
  cores: number | string = serverCore,
): Promise<Side> {
  const { edges, controlPlanes, idp, upstream, postgres, users } = stack.description;
  const [edge] = edges;
  const [user] = users;
  if (edge === undefined || user === undefined) throw new Error('the stack has no edge or no user');
  const authorities = await readFile(files.ca, 'utf8');
  await configure(stack, `https://localhost:${upstreamPort}`, authorities);
  const cookie = await signIn(stack, user, edge.port);

  pin(edge.pid, cores);
  for (const { pid } of [...controlPlanes, idp, upstream, postgres]) pinBackground(pid, otherCore);
  pin(process.pid, otherCore);
  return {
    port: edge.port,
    pids: () => [stack.pid(edge.name)],
    environment: {
      CA: stack.description.ca,
      CERT: user.device.cert,
      KEY: user.device.key,
      COOKIE: cookie,
    },
    rest: () => recordsGone(edge.ops),
  };
}

/** Requests come faster than a control plane on a core that it shares takes records of them. */
async function recordsGone(ops: string): Promise<void> {
  const left = async () => sum(await readMetrics(ops), 'sallyport_edge_records_backlog');
  const options = { msMax: recordsMsMax, everyMs: 250 };
  await until('the edge has no records left', async () => (await left()) === 0, options);
}

/** An edge in front of the upstream that answers everything with 1 KiB. */
export async function openPlainEdge(stack: Stack, dir: string, helpers: Helper[]): Promise<Side> {
  const files = await createFiles(dir);
  const entry = new URL('./upstream.ts', import.meta.url);
  const upstream = await startHelper(entry, otherCore, files.server);
  helpers.push(upstream);
  return openEdge(stack, files, upstream.port);
}

/** How a client finds a peer of the edge: it sends what the edge is sent. */
export function peerSide(
  files: BenchFiles,
  peer: { readonly port: number; pids(): readonly number[] },
  edge: Side,
  cookie = '',
): Side {
  const { length } = edge.environment['COOKIE'] ?? '';
  const begun = cookie === '' ? 'peer=' : `${cookie}; peer=`;
  return {
    port: peer.port,
    pids: () => peer.pids(),
    environment: { CA: files.ca, ...files.client, COOKIE: begun.padEnd(length, 'x') },
    rest: () => Promise.resolve(),
  };
}

async function signIn(stack: Stack, user: StackUser, port: number): Promise<string> {
  const browser = await Browser.open(stack.description, user.device);
  try {
    const page = new URL(`https://${host}:${port}/`);
    // The edge may hear of the new route a moment later.
    await until('the edge knows the route', async () => {
      const { status } = await browser.ask(page, { follow: false });
      return status !== 404;
    });
    const answer = await browser.signIn(page, user);
    if (answer.status !== 200) throw new Error(`sign-in: ${answer.status} ${answer.text}`);
    return browser.jar.header(page) ?? '';
  } finally {
    await browser.close();
  }
}

async function configure(stack: Stack, url: string, certificates: string): Promise<void> {
  const { controlPlanes, tokens, ca } = stack.description;
  const api = await openAdminApi({
    url: controlPlanes[0]?.url ?? '',
    token: tokens.policyAdmin,
    ca,
  });
  const apiVersion = 'sallyport.dev/v1';
  await api.post('/v1/config:apply', {
    message: 'benchmark',
    documents: [
      {
        apiVersion,
        kind: 'TrustBundle',
        metadata: { name: 'bench' },
        spec: { use: ['upstream'], certificates },
      },
      {
        apiVersion,
        kind: 'Route',
        metadata: { name: 'bench' },
        spec: {
          match: [{ host }],
          policies: ['staff-on-known-devices'],
          upstream: { url, trustBundle: 'bench' },
          // Some are left idle while others are opened.
          webSocket: { timeouts: { idle: '1h' } },
        },
      },
    ],
  });
  await api.close();
}
