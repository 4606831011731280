import { createLog } from '@sallyport/shared/log';
import type { SecretRef } from '@sallyport/shared/state/model';
import { ControlChannel } from '../identity/control-channel.ts';
import type { Refusal } from '../state/1-sync/admit-rows.ts';
import { SyncClient } from '../state/1-sync/sync-client.ts';
import type { StreamEnd } from '../state/1-sync/sync-stream.ts';
import { createWorkerState, type WorkerState } from '../state/worker-state.ts';
import { Distributor } from '../worker/distributor.ts';
import { Arrivals } from './arrivals.ts';
import {
  type RootKey,
  type SampleAssertionKey,
  sampleAssertionKey,
  sampleCredentials,
} from './sample-state.ts';
import type { ScriptedControlPlane } from './scripted-control-plane.ts';

/** The state side of an edge with its workers in the same thread, so that a test can hold them. */
export interface EdgeUnderTest {
  readonly sync: SyncClient;
  readonly workers: readonly WorkerState[];
  readonly ownKey: SampleAssertionKey;
  readonly refusals: Arrivals<Refusal>;
  readonly ends: Arrivals<StreamEnd>;
  readonly secrets: Arrivals<ReadonlyMap<string, SecretRef>>;
  /** While held, a worker applies state but does not report it as enforced. */
  hold(worker: number): void;
  release(worker: number): void;
  stop(): Promise<void>;
}

export async function startEdgeUnderTest(
  planes: readonly ScriptedControlPlane[],
  root: RootKey,
  workerCount = 1,
): Promise<EdgeUnderTest> {
  const [first] = planes;
  if (first === undefined) throw new Error('an edge needs a control plane');
  const ownKey = sampleAssertionKey('own');
  const workers = Array.from({ length: workerCount }, () =>
    createWorkerState({
      edgeId: first.edgeId,
      ring: 'default',
      credentials: sampleCredentials([ownKey]),
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
  const refusals = new Arrivals<Refusal>();
  const ends = new Arrivals<StreamEnd>();
  const secrets = new Arrivals<ReadonlyMap<string, SecretRef>>();
  const channel = new ControlChannel(
    planes.map(({ target }) => target),
    await first.edgeTrust(),
  );
  const sync = new SyncClient({
    channel,
    distributor,
    rootPublicKey: root.publicKey,
    hello: { softwareVersion: '0.0.0', region: 'eu', labels: {} },
    onSecrets: (references) => secrets.push(references),
    events: {
      onRefusal: (_lane, refusal) => refusals.push(refusal),
      onStreamEnd: (_stream, end) => ends.push(end),
    },
    log: createLog('error', {}, () => undefined),
    // The shortest waits and always the first control plane first.
    random: () => 0,
  });
  sync.start();
  return {
    sync,
    workers,
    ownKey,
    refusals,
    ends,
    secrets,
    hold: (worker) => holding.add(worker),
    release: (worker) => {
      holding.delete(worker);
      const seq = held.get(worker);
      if (seq !== undefined) distributor.onEnforced(worker, seq);
    },
    stop: async () => {
      await sync.stop();
      channel.close();
    },
  };
}
