import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInstallation } from '@sallyport/shared/init/installation';
import { entryOf } from './paths.ts';
import { trustDomain } from './people.ts';
import { type Postgres, type PostgresLine, readPostgresLine } from './postgres.ts';
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
  readonly name: string;
  /** Base of the admin API. */
  readonly url: string;
  /** host:port */
  readonly grpc: string;
  readonly ops: string;
  readonly pid: number;
}

export interface ControlPlaneOptions {
  readonly running: Running;
  readonly installation: Installation;
  /** From 0. */
  readonly index: number;
  /** null: a PostgreSQL of its own. */
  readonly databaseUrl: string | null;
  /** Variables of the bus; none where there is none. */
  readonly bus: Readonly<Record<string, string>>;
}

/**
 * Starts one replica of the control plane. It keeps its ports when it is started again. `postgres`
 * is that of its own, or null.
 */
export async function startControlPlane(
  options: ControlPlaneOptions,
): Promise<{ readonly plane: ControlPlane; readonly postgres: Postgres | null }> {
  const { running, installation, index, databaseUrl, bus } = options;
  const name = planeName(index);
  const started = running.start({
    name,
    entry: entryOf('control-plane'),
    env: {
      SALLYPORT_HOME: installation.home,
      SALLYPORT_ADMIN_LISTEN: '127.0.0.1:0',
      SALLYPORT_GRPC_LISTEN: '127.0.0.1:0',
      SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
      SALLYPORT_REPLICA: `cp-${index + 1}`,
      ...bus,
      ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }),
    },
  });
  const { admin, grpc, ops, postgres } = (await started.ready) as unknown as ReadyLine;
  running.amend(name, {
    SALLYPORT_ADMIN_LISTEN: new URL(admin).host,
    SALLYPORT_GRPC_LISTEN: grpc,
    SALLYPORT_OPS_LISTEN: new URL(ops).host,
  });
  return {
    plane: {
      name,
      url: admin,
      // Its certificate has a name, not an address.
      grpc: grpc.replace(/^127\.0\.0\.1:/, 'localhost:'),
      ops,
      pid: started.pid,
    },
    postgres: postgres === undefined ? null : await readPostgresLine(postgres),
  };
}

/** Name of the process. */
export function planeName(index: number): string {
  return `control-plane-${index + 1}`;
}

interface ReadyLine {
  readonly admin: string;
  readonly grpc: string;
  readonly ops: string;
  /** Absent: the database is somebody else's. */
  readonly postgres?: PostgresLine;
}
