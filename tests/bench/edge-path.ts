import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { Browser, openAdminApi, type Stack, startStack } from '@sallyport/stack';
import type { LoadResult } from './lib/load.ts';
import {
  cpuSeconds,
  type Helper,
  pin,
  pinBackground,
  runHelper,
  startHelper,
} from './lib/processes.ts';
import { type BenchmarkOptions, median, type Report } from './lib/report.ts';

/**
 * The edge's full path (device, session, policy, assertion, record) against a bare Node TLS proxy
 * on undici that does nothing else: the same core, the same upstream, the same client, in turns.
 */
const edgeCore = 0;
const otherCore = 1;
export const host = 'bench.corp.localhost';
const connections = 32;
const warmupSeconds = 2;

export async function edgePath(options: BenchmarkOptions): Promise<Report> {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-bench-'));
  const helpers: Helper[] = [];
  options.say('starting the stack');
  const stack = await startStack({ edges: 1 });
  try {
    const site = await prepare(stack, dir, helpers);
    const measured = await alternate(stack, site, options);
    return report(measured);
  } finally {
    await Promise.all(helpers.map((helper) => helper.stop()));
    await stack.stop();
    await rm(dir, { recursive: true, force: true });
  }
}

/** Both proxies, and what a client needs to ask them. */
export interface Site {
  readonly bare: Helper;
  readonly environment: Readonly<Record<string, string>>;
  readonly cookie: string;
}

/** Puts the upstream behind both proxies and signs a user in at the edge. */
export async function prepare(stack: Stack, dir: string, helpers: Helper[]): Promise<Site> {
  const authority = await createAuthority({ name: 'Bench CA', days: 1 });
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, authority.certificatePem);
  const issued = await issueWithNewKey(authority, {
    commonName: host,
    dns: [host, 'localhost'],
    ips: ['127.0.0.1'],
    usage: 'server',
    days: 1,
  });
  const files = { CERT: join(dir, 'server.pem'), KEY: join(dir, 'server.key.pem') };
  await writeFile(files.CERT, issued.certificatePem);
  await writeFile(files.KEY, issued.privateKeyPem, { mode: 0o600 });

  const upstream = await startHelper(
    new URL('./lib/upstream.ts', import.meta.url),
    otherCore,
    files,
  );
  helpers.push(upstream);
  const user = stack.description.users[0];
  if (user === undefined) throw new Error('the stack has no users');
  const bare = await startHelper(new URL('./peers/bare-proxy.ts', import.meta.url), edgeCore, {
    ...files,
    CA: ca,
    DEVICE_CA: ca,
    UPSTREAM_PORT: String(upstream.port),
  });
  helpers.push(bare);
  await configure(stack, `https://localhost:${upstream.port}`, authority.certificatePem);

  const { edges, controlPlanes, idp, upstream: demo, postgres } = stack.description;
  const edge = edges[0];
  if (edge === undefined) throw new Error('the stack has no edge');
  const browser = await Browser.open(stack.description, user.device);
  const page = new URL(`https://${host}:${edge.port}/`);
  // The edge may hear of the new route a moment later.
  while ((await browser.ask(page, { follow: false })).status === 404) await delay(20);
  const answer = await browser.signIn(page, user);
  if (answer.status !== 200) throw new Error(`sign-in ended with ${answer.status}: ${answer.text}`);
  const cookie = browser.jar.header(page) ?? '';
  await browser.close();

  pin(edge.pid, edgeCore);
  for (const { pid } of [...controlPlanes, idp, demo, postgres]) pinBackground(pid, otherCore);
  pin(process.pid, otherCore);
  const both = join(dir, 'both.pem');
  await writeFile(
    both,
    `${await readFile(stack.description.ca, 'utf8')}${authority.certificatePem}`,
  );
  return {
    bare,
    cookie,
    environment: { HOST_NAME: host, CA: both, CERT: user.device.cert, KEY: user.device.key },
  };
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
        },
      },
    ],
  });
  await api.close();
}

export interface Run extends LoadResult {
  /** Processor seconds of the proxy while the client ran, warm-up included. */
  readonly proxyCpuSeconds: number;
}

interface Measured {
  readonly edge: readonly Run[];
  readonly bare: readonly Run[];
}

async function alternate(stack: Stack, site: Site, options: BenchmarkOptions): Promise<Measured> {
  const edge: Run[] = [];
  const bare: Run[] = [];
  const target = stack.description.edges[0];
  if (target === undefined) throw new Error('the stack has no edge');
  for (let run = 1; run <= options.runs; run++) {
    bare.push(await load(site.bare.pid, site.bare.port, '', site, options.seconds));
    edge.push(await load(target.pid, target.port, site.cookie, site, options.seconds));
    options.say(
      `run ${run} of ${options.runs}: bare ${perSecond(bare.at(-1))}, edge ${perSecond(edge.at(-1))} requests a second`,
    );
  }
  return { edge, bare };
}

/** One run of the client against a proxy. */
export async function load(
  pid: number,
  port: number,
  cookie: string,
  site: Site,
  seconds: number,
): Promise<Run> {
  const before = cpuSeconds(pid);
  const result = await runHelper<LoadResult>(new URL('./lib/load.ts', import.meta.url), otherCore, {
    ...site.environment,
    // What the edge is sent, the peer is sent too.
    HOST_NAME: `${host}:${port}`,
    COOKIE: cookie === '' ? `peer=${'x'.repeat(site.cookie.length - 5)}` : cookie,
    PORT: String(port),
    CONNECTIONS: String(connections),
    WARMUP_MS: String(warmupSeconds * 1000),
    SECONDS: String(seconds),
  });
  if (result.failures > 0) throw new Error(`${result.failures} requests failed`);
  return { ...result, proxyCpuSeconds: cpuSeconds(pid) - before };
}

function perSecond(run: Run | undefined): string {
  return run === undefined ? '' : (run.requests / run.seconds).toFixed(0);
}

function report({ edge, bare }: Measured): Report {
  // The client's warm-up counts as well: it asks at the same rate.
  const cost = (runs: readonly Run[]): number =>
    median(
      runs.map(
        (run) =>
          (run.proxyCpuSeconds * 1e6 * run.seconds) / (run.seconds + warmupSeconds) / run.requests,
      ),
    );
  const rate = (runs: readonly Run[]): number =>
    median(runs.map((run) => run.requests / run.seconds));
  const ratios = edge.map((run, index) => {
    const peer = bare[index];
    return peer === undefined
      ? Number.NaN
      : run.requests / run.seconds / (peer.requests / peer.seconds);
  });
  const idle = median([...edge, ...bare].map((run) => 1 - run.cpuSeconds / run.seconds));
  const figure = (what: string, unit: string, value: number, better: 'lower' | 'higher') => ({
    what,
    unit,
    value,
    goal: null,
    better,
  });
  return {
    versions: { node: process.versions.node, openssl: process.versions.openssl },
    figures: [
      {
        what: 'full path against a bare Node TLS + undici proxy',
        unit: 'ratio',
        value: median(ratios),
        goal: 0.85,
        better: 'higher',
      },
      figure('full path, requests a second on one core', '1/s', rate(edge), 'higher'),
      figure('bare proxy, requests a second on one core', '1/s', rate(bare), 'higher'),
      figure('full path, processor time of the proxy for a request', 'us', cost(edge), 'lower'),
      figure('bare proxy, processor time of the proxy for a request', 'us', cost(bare), 'lower'),
      figure('full path, p50', 'ms', median(edge.map((run) => run.p50Ms)), 'lower'),
      figure('bare proxy, p50', 'ms', median(bare.map((run) => run.p50Ms)), 'lower'),
      figure('full path, p99', 'ms', median(edge.map((run) => run.p99Ms)), 'lower'),
      figure('bare proxy, p99', 'ms', median(bare.map((run) => run.p99Ms)), 'lower'),
      figure('client, share of its core left idle by the client', 'ratio', idle, 'higher'),
    ],
    notes: [
      `${connections} keep-alive connections with client certificates, 1 KiB answers, edge on core ${edgeCore}, everything else on core ${otherCore}`,
      `ratio of each pair of runs: ${ratios.map((ratio) => ratio.toFixed(3)).join(' ')}`,
    ],
  };
}
