import { readFileSync } from 'node:fs';
import { type Bus, connectBus } from '@sallyport/shared/bus/bus';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { EdgeConfig } from './config.ts';
import type { ControlChannel } from './identity/control-channel.ts';
import type { CredentialBench } from './identity/credential-bench.ts';
import type { EdgeIdentity } from './identity/identity.ts';
import type { SecretKeeper } from './identity/secrets.ts';
import type { StateFigures } from './ops/state-metrics.ts';
import { SyncClient, type SyncEvents } from './state/1-sync/sync-client.ts';
import { EdgeState } from './state/2-store/edge-state.ts';
import { lanes } from './state/lanes.ts';
import type { OpenedState } from './state/open-state.ts';
import type { Distributor } from './worker/distributor.ts';

export interface EdgeSyncParts {
  readonly config: EdgeConfig;
  readonly identity: EdgeIdentity;
  readonly bench: CredentialBench;
  readonly channel: ControlChannel;
  readonly opened: OpenedState;
  readonly distributor: Distributor;
  readonly secrets: SecretKeeper;
  readonly events: SyncEvents;
  readonly log: Log;
  readonly clock: Clock;
}

/** The way of the state through the main thread; nothing of it has started yet. */
export interface EdgeSync {
  readonly state: EdgeState;
  readonly sync: SyncClient;
  /** null: the edge is not told of one. */
  readonly bus: Bus | null;
  readonly figures: StateFigures;
}

const softwareVersion = readVersion();

/** Puts together what brings the state, keeps it and tells the workers of it. */
export function createEdgeSync(parts: EdgeSyncParts): EdgeSync {
  const { config, identity, channel, opened, distributor, secrets, events, log, clock } = parts;
  const { tables, disk, loaded } = opened;
  const { rootPublicKey } = identity;
  const state = new EdgeState({
    tables,
    disk,
    found: loaded.lanes,
    denials: loaded.carried,
    foundKeys: loaded.keys,
    distributor,
    rootPublicKey,
    onSecrets: (references) => secrets.want(references),
    log,
    clock,
  });
  secrets.onComplete = (complete) => state.secretsHere(complete);
  const bus = openBus(parts);
  const sync = new SyncClient({
    channel,
    state,
    hello: { softwareVersion, region: config.region, labels: identity.labels },
    bus,
    events,
    log,
    clock,
  });
  const figures: StateFigures = {
    board: sync.board,
    ages: tables.ages,
    digestAgrees: (lane) => sync.digestAgrees(lane),
    loaded: lanes.filter((lane) => loaded.lanes[lane].position !== null),
    disk: () => disk.status(),
    offHeapBytes: () => tables.offHeapBytes(),
  };
  return { state, sync, bus, figures };
}

/** The edge shows the identity that it has at each attempt: it is renewed while the edge runs. */
function openBus({ config, identity, bench, log }: EdgeSyncParts): Bus | null {
  if (config.nats === null) return null;
  const { servers, caPem } = config.nats;
  return connectBus({
    servers,
    name: 'sallyport-edge',
    credentials: () => {
      const { certificatePem: certificate, privateKeyPem: privateKey } = bench.control();
      return { ca: caPem ?? identity.controlPlaneCaPem, certificate, privateKey };
    },
    log,
  });
}

function readVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  const { version } = JSON.parse(text) as { readonly version?: string };
  return version ?? 'unknown';
}
