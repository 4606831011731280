import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInstallation } from '@sallyport/shared/init/installation';
import { entryOf } from './paths.ts';
import { trustDomain } from './people.ts';
import type { Running } from './running.ts';

/** What `sallyport init` leaves behind, as far as others need it. */
export interface Installation {
  /** SALLYPORT_HOME of the control plane. */
  readonly home: string;
  readonly ownerToken: string;
  readonly adminCaPem: string;
  /** Files of the authorities. */
  readonly edgeCa: string;
  readonly upstreamCa: string;
}

const days = 30;

/** Does what `sallyport init` does, with the same library. */
export async function install(home: string): Promise<Installation> {
  const { files, ownerToken } = await createInstallation({
    trustDomain,
    adminHosts: ['localhost', '127.0.0.1'],
    days,
    nowMs: Date.now(),
  });
  for (const file of files) {
    const path = join(home, file.path);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(path, file.contents, { mode: file.mode });
  }
  return {
    home,
    ownerToken,
    adminCaPem: await readFile(join(home, 'ca', 'admin.pem'), 'utf8'),
    edgeCa: join(home, 'ca', 'edge.pem'),
    upstreamCa: join(home, 'ca', 'upstream.pem'),
  };
}

export interface ControlPlane {
  /** Base of the admin API. */
  readonly url: string;
  /** host:port */
  readonly grpc: string;
  readonly ops: string;
  readonly pid: number;
  readonly postgres: { readonly url: string; readonly pid: number };
}

/** Starts a control plane with a PostgreSQL of its own. */
export async function startControlPlane(
  running: Running,
  { home }: Installation,
): Promise<ControlPlane> {
  const started = running.start({
    name: 'control-plane',
    entry: entryOf('control-plane'),
    env: {
      SALLYPORT_HOME: home,
      SALLYPORT_ADMIN_LISTEN: '127.0.0.1:0',
      SALLYPORT_GRPC_LISTEN: '127.0.0.1:0',
      SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
      SALLYPORT_REPLICA: 'cp-1',
    },
  });
  const { admin, grpc, ops, postgres } = (await started.ready) as unknown as ReadyLine;
  const url = new URL(postgres.url);
  url.password = (await readFile(postgres.passwordFile, 'utf8')).trim();
  return {
    url: admin,
    // Its certificate has a name, not an address.
    grpc: grpc.replace(/^127\.0\.0\.1:/, 'localhost:'),
    ops,
    pid: started.pid,
    postgres: { url: url.href, pid: postgres.pid },
  };
}

interface ReadyLine {
  readonly admin: string;
  readonly grpc: string;
  readonly ops: string;
  /** The URL has no password: standard output is a log. */
  readonly postgres: { readonly url: string; readonly pid: number; readonly passwordFile: string };
}
