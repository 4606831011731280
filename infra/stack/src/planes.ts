import {
  type ControlPlane,
  type Installation,
  planeName,
  startControlPlane,
} from './control-plane.ts';
import { startNats } from './nats.ts';
import type { StackPki } from './pki.ts';
import { type Postgres, startPostgres } from './postgres.ts';
import type { Running } from './running.ts';
import type { Reach, StackDescription } from './stack.ts';

interface PlanesOptions {
  readonly running: Running;
  readonly pki: StackPki;
  readonly installation: Installation;
  readonly reach: Reach;
  readonly controlPlanes?: number;
  readonly nats?: boolean;
  readonly natsForEdges?: boolean;
  readonly postgresApart?: boolean;
}

interface Planes {
  readonly planes: readonly ControlPlane[];
  readonly first: ControlPlane;
  readonly postgres: Postgres;
  readonly nats: StackDescription['nats'];
  /** The variables by which a process finds the bus. */
  readonly bus: (from: string) => Promise<Readonly<Record<string, string>>>;
}

/** Starts the database, the bus and the replicas of the control plane, each as soon as it can. */
export async function startPlanes(options: PlanesOptions): Promise<Planes> {
  const { running, pki, installation, reach, controlPlanes = 1 } = options;
  const apart = options.postgresApart ?? controlPlanes > 1;
  const [nats, natsForEdges, shared] = await Promise.all([
    options.nats === true ? startNats(running, pki, installation) : null,
    options.natsForEdges === true ? startNats(running, pki, installation, 'nats-for-edges') : null,
    apart ? startPostgres(running) : null,
  ]);
  const bus: Planes['bus'] = async (from) => {
    const isApart = natsForEdges !== null && from.startsWith('edge-');
    const server = isApart ? natsForEdges : nats;
    if (server === null) return {};
    const to = isApart ? 'nats-for-edges' : 'nats';
    const url = `tls://${await reach({ from, to, target: new URL(server.url).host })}`;
    return { SALLYPORT_NATS_URL: url, SALLYPORT_NATS_CA: pki.ca };
  };
  const started = await Promise.all(
    Array.from({ length: controlPlanes }, async (_, index) => {
      const from = planeName(index);
      return startControlPlane({
        running,
        installation,
        index,
        databaseUrl: shared === null ? null : await through(reach, from, shared),
        bus: await bus(from),
      });
    }),
  );
  const planes = started.map(({ plane }) => plane);
  const [first] = started;
  const postgres = shared ?? first?.postgres ?? null;
  if (first === undefined || postgres === null) throw new Error('there is no control plane');
  if (shared === null) running.postgresPid = postgres.pid;
  return { planes, first: first.plane, postgres, nats, bus };
}

async function through(reach: Reach, from: string, { url }: Postgres): Promise<string> {
  const database = new URL(url);
  database.host = await reach({ from, to: 'postgres', target: database.host });
  return database.href;
}
