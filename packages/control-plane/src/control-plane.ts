import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Bus } from '@sallyport/shared/bus/bus';
import type { Clock } from '@sallyport/shared/clock';
import { SallyportError } from '@sallyport/shared/errors';
import { formatHostPort } from '@sallyport/shared/host-port';
import { readSeed } from '@sallyport/shared/init/seed';
import type { Log } from '@sallyport/shared/log';
import type { Authority } from '@sallyport/shared/pki/issue';
import { readKeyFile, type SealKey } from '@sallyport/shared/seal';
import { refuseTickets } from '@sallyport/shared/tls/tickets';
import type { Registry } from 'prom-client';
import { adminTls } from './admin/http/tls.ts';
import { createAdminServer } from './admin/server.ts';
import { startBus } from './bus.ts';
import type { Config } from './config.ts';
import { startExports } from './exports/job.ts';
import { startEdgeServer } from './grpc/server.ts';
import { createSignInCalls } from './identity/sign-in-calls.ts';
import { watchKeys } from './ops/key-watch.ts';
import { createAdminMetrics, createRegistry, observeDatabase } from './ops/metrics.ts';
import { startOpsServer } from './ops/server.ts';
import { createPublisher, type Publisher } from './publish/publisher.ts';
import { startRollouts } from './releases/job.ts';
import { createSignals } from './signals/signals.ts';
import { usersAffected } from './simulate/users-affected.ts';
import { PolicyVersions } from './simulate/versions.ts';
import { type Database, openDatabase, read } from './store/database.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './store/embedded/server.ts';
import { connectionTrouble, isDatabaseTrouble } from './store/failure.ts';
import { startJobs } from './store/jobs/start.ts';
import { findInstallation, type InstallationRow, loadAuthority } from './store/keys.ts';
import { migrateDatabase } from './store/migrate.ts';
import { declareRestored } from './store/restored.ts';
import { importSeed } from './store/seed.ts';
import { loadSyncKeys } from './store/sync-keys.ts';

export interface ControlPlane {
  readonly admin: string;
  readonly grpc: string;
  readonly ops: string;
  /** null: the database is somebody else's. */
  readonly postgres: EmbeddedPostgres | null;
  /** Finishes what is under way, ends streams, and stops a database of our own. */
  stop(): Promise<void>;
}

const databaseStartMs = 30_000;
const databaseRetryMsMax = 4_000;
const drainMs = 5_000;
const logAgeReadyMs = 5_000;

/**
 * Starts the parts in their order: database, migrations, seed, publisher, ops, gRPC, admin API.
 * Where one fails, those before it are stopped again. `signal` ends the wait for the database.
 */
export async function startControlPlane(
  config: Config,
  clock: Clock,
  log: Log,
  signal: AbortSignal = new AbortController().signal,
): Promise<ControlPlane> {
  const stops: (() => Promise<unknown>)[] = [];
  const stop = async (): Promise<void> => {
    for (const one of stops.splice(0).reverse()) await one();
  };
  try {
    return { ...(await start(config, clock, log, stops, signal)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function start(
  config: Config,
  clock: Clock,
  log: Log,
  stops: (() => Promise<unknown>)[],
  signal: AbortSignal,
): Promise<Omit<ControlPlane, 'stop'>> {
  await refuseTickets(adminTls(config.admin.tls));
  const sealKey = await readKeyFile(config.keyFile);
  const postgres = config.databaseUrl === null ? await startOwnPostgres(config, log) : null;
  if (postgres !== null) stops.push(() => postgres.stop());
  signal.throwIfAborted();
  const url = config.databaseUrl ?? postgres?.url ?? '';
  const database = openDatabase(url, log);
  stops.push(() => database.close());
  await migrateWhenThere(database, url, log, signal);
  signal.throwIfAborted();
  const installation = await installationOf(config, database, sealKey, clock());
  await declareRestored(config.home, database, clock(), log);

  const metrics = createRegistry();
  observeDatabase(metrics, database);
  const edgeAuthority = await loadAuthority(database.db, 'edge-ca', sealKey, clock());
  const bus = await busOf(config, edgeAuthority, metrics, clock, log);
  if (bus !== null) stops.push(() => bus.close());
  const publisher = createPublisher({
    database,
    clock,
    log,
    replica: config.replica,
    metrics,
    bus,
    signingKeys: () => read(database, (db) => loadSyncKeys(db, sealKey, clock())),
    rootPublicKey: installation.rootPublicKey,
  });
  stops.push(() => publisher.stop());
  // Before what it tells of, so that it closes after it: a replica that drains can be seen to.
  let stage: 'starting' | 'serving' | 'draining' = 'starting';
  const ops = await startOpsServer({
    listen: config.ops.listen,
    metrics,
    log,
    unready: () => (stage === 'serving' ? databaseTrouble(publisher) : stage),
  });
  stops.push(() => ops.close());
  const jobs = startJobs({ database, replica: config.replica, clock, log });
  stops.push(() => jobs.stop());
  const rollouts = startRollouts({ database, replica: config.replica, metrics, log });
  stops.push(() => rollouts.stop());
  const outward = startExports({
    database,
    sealKey,
    replica: config.replica,
    folder: config.exportFolder,
    registry: metrics,
    clock,
    log,
  });
  stops.push(() => outward.stop());
  const keys = await watchKeys({ database, metrics, clock, log });
  stops.push(async () => keys.stop());
  await publisher.start();

  const parts: Parts = {
    config,
    clock,
    log,
    sealKey,
    database,
    installation,
    edgeAuthority,
    metrics,
    publisher,
  };
  const grpc = await startGrpc(parts, stops);
  const admin = await startAdmin(parts, stops);
  stage = 'serving';
  stops.push(async () => {
    stage = 'draining';
  });
  return {
    admin: `https://${admin}`,
    grpc,
    ops: `http://${formatHostPort(ops.address)}`,
    postgres,
  };
}

interface Parts {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
  readonly sealKey: SealKey;
  readonly database: Database;
  readonly installation: InstallationRow;
  readonly edgeAuthority: Authority;
  readonly metrics: Registry;
  readonly publisher: Publisher;
}

async function busOf(
  { nats, replica }: Config,
  authority: Authority,
  metrics: Registry,
  clock: Clock,
  log: Log,
): Promise<Bus | null> {
  return nats === null ? null : startBus({ nats, authority, replica, metrics, clock, log });
}

async function startOwnPostgres(config: Config, log: Log): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ directory: postgresFolder(config), log });
}

/** Where a database of our own keeps its files. */
export function postgresFolder(config: Config): string {
  return join(config.home, 'postgres');
}

/** A database that is starting, too, gets half a minute. */
async function migrateWhenThere(
  database: Database,
  url: string,
  log: Log,
  signal: AbortSignal,
): Promise<void> {
  const deadlineMs = performance.now() + databaseStartMs;
  let told = '';
  for (let waitMs = 250; ; waitMs = Math.min(2 * waitMs, databaseRetryMsMax)) {
    try {
      return await migrateDatabase(database);
    } catch (error) {
      if (!isDatabaseTrouble(error)) throw error;
      const reason = connectionTrouble(error, url);
      if (performance.now() > deadlineMs) {
        const detail = `the database cannot be used: ${reason}`;
        throw new SallyportError(error.code, detail, { cause: error });
      }
      // Once for each reason, not for each attempt.
      if (reason !== told) log.warn('database.not_there_yet', { reason });
      told = reason;
      await delay(waitMs, undefined, { signal });
    }
  }
}

async function installationOf(
  config: Config,
  database: Database,
  sealKey: SealKey,
  nowMs: number,
): Promise<InstallationRow> {
  const known = await read(database, findInstallation);
  if (known !== null) return known;
  return importSeed(database, await readSeed(config.home), sealKey, nowMs);
}

async function startGrpc(parts: Parts, stops: (() => Promise<unknown>)[]): Promise<string> {
  const { config, clock, log, sealKey, database, installation, metrics, publisher } = parts;
  const signals = createSignals({ database, clock, log, registry: metrics });
  const signIn = createSignInCalls({ database, sealKey, signals, clock, log });
  stops.push(() => signIn.close());
  const server = await startEdgeServer({
    listen: config.grpc.listen,
    names: config.grpc.names,
    database,
    publisher,
    signIn,
    signals,
    authorities: {
      edge: parts.edgeAuthority,
      upstream: await loadAuthority(database.db, 'upstream-ca', sealKey, clock()),
    },
    trustDomain: installation.trustDomain,
    rootPublicKey: installation.rootPublicKey,
    sealKey,
    metrics,
    clock,
    log,
  });
  stops.push(() => server.drain(drainMs));
  return formatHostPort(server.address);
}

async function startAdmin(parts: Parts, stops: (() => Promise<unknown>)[]): Promise<string> {
  const { config, clock, log, sealKey, database, installation, metrics, publisher } = parts;
  const app = await createAdminServer(
    {
      database,
      clock,
      log,
      sealKey,
      trustDomain: installation.trustDomain,
      rootPublicKey: installation.rootPublicKey,
      deviceAuthority: await loadAuthority(database.db, 'device-ca', sealKey, clock()),
      receipts: publisher.receipts,
      usersAffected,
      metrics: createAdminMetrics(metrics),
      policies: new PolicyVersions(),
    },
    config.admin.tls,
  );
  stops.push(() => app.close());
  await app.listen({ ...config.admin.listen });
  const { port } = app.server.address() as AddressInfo;
  return formatHostPort({ host: config.admin.listen.host, port });
}

function databaseTrouble(publisher: Publisher): string | null {
  const ageMs = publisher.logAgeMs();
  return ageMs > logAgeReadyMs ? 'the database was not seen for a while' : null;
}
