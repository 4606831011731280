import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAdminApi } from './client/admin-api.ts';
import { demoConfiguration, namesIn } from './configuration.ts';
import { install, startControlPlane } from './control-plane.ts';
import { startEdges, waitEdges } from './edges.ts';
import { createFolder } from './folder.ts';
import { startNats } from './nats.ts';
import { hosts, trustDomain } from './people.ts';
import { createPki } from './pki.ts';
import type { StackProcess } from './processes.ts';
import { provision } from './provision.ts';
import { Running } from './running.ts';
import { startIdentityProvider, startUpstream } from './services.ts';
import type { StackDescription } from './stack.ts';

export interface StackOptions {
  /** Default: 2. */
  readonly edges?: number;
  readonly nats?: boolean;
  /** Folder of configuration documents in place of the demo's. */
  readonly configuration?: string;
  /** Leave the folder of the stack where it is afterwards. */
  readonly keep?: boolean;
  /** Gives up while starting, and ends what was started. */
  readonly signal?: AbortSignal;
  /** Told what happens, in the order in which it does. */
  readonly progress?: (text: string) => void;
}

export interface Stack {
  readonly description: StackDescription;
  /** Rejects when a process ends that nobody stopped, with its name and last words. */
  readonly failed: Promise<never>;
  /** The processes by name: `control-plane`, `edge-1`…, `idp`, `upstream`, `nats`. */
  readonly processes: ReadonlyMap<string, StackProcess>;
  /** Ends everything in order and removes what it kept. Safe to call twice. */
  stop(): Promise<void>;
}

/** Starts a whole stack on free ports of loopback; resolves when every edge is ready. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  // Before anything starts: what is wrong here would be said only at the end.
  if (options.configuration !== undefined) await namesIn(options.configuration);
  const { dir, logs } = await createFolder(options.keep === true);
  const running = new Running(dir, logs, options.keep === true);
  try {
    const description = await Promise.race([
      build(running, options),
      running.failed,
      ...(options.signal === undefined ? [] : [aborted(options.signal)]),
    ]);
    return {
      description,
      failed: running.failed,
      processes: running.processes,
      stop: () => running.stop(),
    };
  } catch (error) {
    await running.stop();
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, failed) => {
    const stop = (): void => failed(new Error('stopped before it was ready'));
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

async function build(running: Running, options: StackOptions): Promise<StackDescription> {
  const say = options.progress ?? (() => {});
  const { dir } = running;
  const [pki, installation] = await Promise.all([
    createPki(join(dir, 'pki')),
    install(join(dir, 'control-plane')),
  ]);
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, pki.caPem + installation.adminCaPem);
  const [plane, idp, upstream, nats] = await Promise.all([
    startControlPlane(running, installation),
    startIdentityProvider(running, pki),
    startUpstream(running, pki, installation.upstreamCa),
    options.nats ? startNats(running) : null,
  ]);
  running.postgresPid = plane.postgres.pid;
  say('control plane, PostgreSQL, identity provider and application are up');
  await upstream.believe({
    jwksUrl: new URL('/.well-known/sallyport/jwks.json', plane.url).href,
    caPem: installation.adminCaPem,
    issuer: `https://${trustDomain}`,
  });

  const api = await openAdminApi({ url: plane.url, token: installation.ownerToken, ca });
  try {
    const [edges, provisioned] = await Promise.all([
      startEdges({ running, api, plane, installation, pki, count: options.edges ?? 2 }),
      provision(api, {
        dir: join(dir, 'devices'),
        configuration: options.configuration ?? demoConfiguration,
        places: {
          'upstream.url': upstream.url,
          'idp.issuer': idp.issuer,
          'ca.pem': pki.caPem,
        },
      }),
    ]);
    await idp.serve(edges);
    await waitEdges(edges);
    say(`${edges.length} edges are ready`);
    const description: StackDescription = {
      controlPlanes: [{ url: plane.url, grpc: plane.grpc, ops: plane.ops, pid: plane.pid }],
      edges,
      hosts,
      postgres: plane.postgres,
      nats,
      idp: { issuer: idp.issuer, pid: idp.pid },
      users: provisioned.users,
      tokens: { owner: installation.ownerToken, ...provisioned.tokens },
      ca,
      upstream: { url: upstream.url, pid: upstream.pid },
      dir,
    };
    // The tokens are in it.
    await writeFile(join(dir, 'stack.json'), `${JSON.stringify(description)}\n`, { mode: 0o600 });
    return description;
  } finally {
    await api.close();
  }
}
