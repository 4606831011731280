import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openAdminApi } from './client/admin-api.ts';
import { demoConfiguration, namesIn } from './configuration.ts';
import { install } from './control-plane.ts';
import { startEdges, waitEdges } from './edges.ts';
import { createFolder } from './folder.ts';
import { fronts, hosts, trustDomain } from './people.ts';
import { createPki } from './pki.ts';
import { startPlanes } from './planes.ts';
import { provision } from './provision.ts';
import { Running } from './running.ts';
import { Stack } from './running-stack.ts';
import { startIdentityProvider, startUpstream } from './services.ts';
import type { Reach, StackDescription } from './stack.ts';

export interface StackOptions {
  /** Default: 2. */
  readonly edges?: number;
  /** Replicas of the control plane on one PostgreSQL. Default: 1. */
  readonly controlPlanes?: number;
  readonly nats?: boolean;
  /** Edges have the data on places that come with Sallyport. Default: none. */
  readonly places?: boolean;
  /** Edges get a NATS of their own; what stands between the two is up to the caller. */
  readonly natsForEdges?: boolean;
  /**
   * PostgreSQL as a process of its own even with one control plane, which would run it else.
   * Default: with several control planes.
   */
  readonly postgresApart?: boolean;
  /** Folder of configuration documents in place of the demo's. */
  readonly configuration?: string;
  /** Leave the folder of the stack where it is afterwards. */
  readonly keep?: boolean;
  /** Gives up while starting, and ends what was started. */
  readonly signal?: AbortSignal;
  /** Told what happens, in the order in which it does. */
  readonly progress?: (text: string) => void;
  /** Puts something between edges, control planes, PostgreSQL and NATS. Default: nothing. */
  readonly reach?: Reach;
  /** More variables for every edge. */
  readonly edgeEnvironment?: Readonly<Record<string, string>>;
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
    return new Stack(running, description);
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
  const reach = options.reach ?? (({ target }) => Promise.resolve(target));
  const [pki, installation] = await Promise.all([
    createPki(join(dir, 'pki')),
    install(join(dir, 'control-plane')),
  ]);
  const ca = join(dir, 'ca.pem');
  await writeFile(ca, pki.caPem + installation.adminCaPem);
  const [{ planes, first, postgres, nats, bus }, idp, upstream] = await Promise.all([
    startPlanes({ ...options, running, pki, installation, reach }),
    startIdentityProvider(running, pki),
    startUpstream(running, pki, installation.upstreamCa),
  ]);
  say('control plane, PostgreSQL, identity provider and application are up');
  await upstream.believe({
    jwksUrl: new URL('/.well-known/sallyport/jwks.json', first.url).href,
    caPem: installation.adminCaPem,
    issuer: `https://${trustDomain}`,
  });

  const api = await openAdminApi({ url: first.url, token: installation.ownerToken, ca });
  try {
    const [edges, provisioned] = await Promise.all([
      startEdges({
        running,
        api,
        planes,
        installation,
        pki,
        reach,
        bus,
        count: options.edges ?? 2,
        environment: {
          // From this machine's own addresses no place could be told.
          ...(options.places !== true && { SALLYPORT_PLACES_CITY_FILES: 'none' }),
          ...options.edgeEnvironment,
        },
      }),
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
      controlPlanes: planes,
      edges,
      hosts,
      fronts,
      postgres,
      nats,
      idp: { issuer: idp.issuer, pid: idp.pid },
      users: provisioned.users,
      tokens: { owner: installation.ownerToken, ...provisioned.tokens },
      ca,
      upstream: { url: upstream.url, pid: upstream.pid },
      pids: Object.fromEntries([...running.processes].map(([name, { pid }]) => [name, pid])),
      dir,
    };
    // The tokens are in it.
    await writeFile(join(dir, 'stack.json'), `${JSON.stringify(description)}\n`, { mode: 0o600 });
    return description;
  } finally {
    await api.close();
  }
}
