import type { Bus } from '@sallyport/shared/bus/bus';
import { createLog } from '@sallyport/shared/log';
import type { Lane, SecretRef } from '@sallyport/shared/state/model';
import type { AlarmName } from '@sallyport/shared/sync/edge-lane-model';
import type { NackMessage } from '@sallyport/shared/sync/messages';
import { ControlChannel } from '../identity/control-channel.ts';
import { localKey } from '../identity/local-key.ts';
import type { StreamName } from '../state/1-sync/stream-keeper.ts';
import { SyncClient } from '../state/1-sync/sync-client.ts';
import type { StreamEnd } from '../state/1-sync/sync-stream.ts';
import { noKeys } from '../state/2-store/disk/held-keys.ts';
import { EdgeState, foundNothing, noDisk } from '../state/2-store/edge-state.ts';
import type { StateTables } from '../state/2-store/state-tables.ts';
import { type OpenedState, openState } from '../state/open-state.ts';
import { createWorkerState, type WorkerState } from '../state/worker-state.ts';
import { Distributor } from '../worker/distributor.ts';
import { Arrivals } from './arrivals.ts';
import { emptyTables, localReader } from './local-state.ts';
import { type SampleAssertionKey, sampleAssertionKey, sampleCredentials } from './sample-state.ts';
import type { ScriptedControlPlane } from './scripted-control-plane.ts';

/** The state side of an edge with its workers in the same thread, so that a test can hold them. */
export interface EdgeUnderTest {
  readonly sync: SyncClient;
  readonly tables: StateTables;
  readonly workers: readonly WorkerState[];
  readonly ownKey: SampleAssertionKey;
  readonly refusals: Arrivals<NackMessage>;
  readonly alarms: Arrivals<readonly [Lane, AlarmName]>;
  readonly ends: Arrivals<StreamEnd & { readonly stream: StreamName }>;
  readonly secrets: Arrivals<ReadonlyMap<string, SecretRef>>;
  /** The lines of its log, from level `info`. */
  readonly logged: Arrivals<Readonly<Record<string, unknown>>>;
  /** While held, a worker applies state but does not report it as enforced. */
  hold(worker: number): void;
  release(worker: number): void;
  stop(): Promise<void>;
}

export interface EdgeUnderTestOptions {
  readonly workers?: number;
  readonly bus?: Bus;
  /** Where the edge keeps its state; absent: nowhere. */
  readonly home?: string;
  /** Wall time of the stream side; the machine's by default. */
  readonly clock?: () => number;
}

export async function startEdgeUnderTest(
  planes: readonly ScriptedControlPlane[],
  options: EdgeUnderTestOptions = {},
): Promise<EdgeUnderTest> {
  const [first] = planes;
  if (first === undefined) throw new Error('an edge needs a control plane');
  const ownKey = sampleAssertionKey('own');
  const opened = options.home === undefined ? null : await openHome(options.home, first);
  const tables = opened?.tables ?? emptyTables();
  const workerCount = options.workers ?? 1;
  const workers = Array.from({ length: workerCount }, () =>
    createWorkerState({
      edgeId: first.edgeId,
      labels: {},
      credentials: sampleCredentials([ownKey]),
      reader: localReader(tables),
      ages: tables.ages,
    }),
  );
  const held = new Map<number, number>();
  const holding = new Set<number>();
  const distributor = new Distributor(
    workerCount,
    (message) =>
      queueMicrotask(() => {
        for (const [index, worker] of workers.entries()) {
          worker.apply(message);
          distributor.onApplied(index, message.seq);
          if (holding.has(index)) held.set(index, message.seq);
          else distributor.onEnforced(index, message.seq);
        }
      }),
    (stage, delivery) => sync.onStage(stage, delivery),
  );
  const refusals = new Arrivals<NackMessage>();
  const alarms = new Arrivals<readonly [Lane, AlarmName]>();
  const ends = new Arrivals<StreamEnd & { readonly stream: StreamName }>();
  const secrets = new Arrivals<ReadonlyMap<string, SecretRef>>();
  const channel = new ControlChannel(
    planes.map(({ target }) => target),
    await first.edgeTrust(),
  );
  const logged: EdgeUnderTest['logged'] = new Arrivals();
  const log = createLog('info', {}, (line) =>
    logged.push(JSON.parse(line) as Record<string, unknown>),
  );
  const rootPublicKey = first.root.publicKey;
  const state = new EdgeState({
    tables,
    disk: opened?.disk ?? noDisk,
    found: opened?.loaded.lanes ?? foundNothing,
    denials: opened?.loaded.carried ?? { epoch: 0, denials: [], early: [] },
    foundKeys: opened?.loaded.keys ?? noKeys,
    distributor,
    rootPublicKey,
    onSecrets: (references) => secrets.push(references),
    log,
    clock: Date.now,
  });
  const sync = new SyncClient({
    channel,
    state,
    hello: { softwareVersion: '0.0.0', region: 'eu', labels: {} },
    bus: options.bus ?? null,
    events: {
      onRefusal: (nack) => refusals.push(nack),
      onAlarm: (lane, name) => alarms.push([lane, name]),
      onStreamEnd: (stream, end) => ends.push({ ...end, stream }),
    },
    log,
    clock: options.clock ?? Date.now,
    // The shortest waits and always the first control plane first.
    random: () => 0,
  });
  await state.restore();
  sync.start();
  return {
    sync,
    tables,
    workers,
    ownKey,
    refusals,
    alarms,
    ends,
    secrets,
    logged,
    hold: (worker) => holding.add(worker),
    release: (worker) => {
      holding.delete(worker);
      const seq = held.get(worker);
      if (seq !== undefined) distributor.onEnforced(worker, seq);
    },
    stop: async () => {
      await sync.stop();
      await state.close();
      channel.close();
      await opened?.disk.close();
    },
  };
}

async function openHome(home: string, plane: ScriptedControlPlane): Promise<OpenedState> {
  return openState({
    home,
    edgeId: plane.edgeId,
    rootPublicKey: plane.root.publicKey,
    key: await localKey(home),
    log: createLog('error', {}, () => undefined),
    clock: Date.now,
  });
}
