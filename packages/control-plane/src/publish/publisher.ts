import type { Bus } from '@sallyport/shared/bus/bus';
import type { Clock } from '@sallyport/shared/clock';
import { CoalescingLog } from '@sallyport/shared/coalescing-log';
import type { Log } from '@sallyport/shared/log';
import { type Lane, lanes as laneNames, type Position } from '@sallyport/shared/state/model';
import type { SigningKeyPair } from '@sallyport/shared/sync/signing-keys';
import type { Registry } from 'prom-client';
import type { Publisher as PublisherPort, Receipts } from '../ports.ts';
import { adoptCarried } from '../store/carried-blocks.ts';
import { CarriedSaid } from '../store/carried-said.ts';
import type { Database } from '../store/database.ts';
import type { Revision } from '../store/log-connection.ts';
import type { Monotonic } from './1-log/follow.ts';
import { createReplicaKeys } from './3-frames/keys.ts';
import { createSigner } from './3-frames/sign.ts';
import { type BudgetLimits, budgetLimits } from './4-stream/edge-budget.ts';
import { StreamSet } from './4-stream/stream-set.ts';
import type { Pipe, StreamPeer, SyncStream } from './4-stream/sync-stream.ts';
import { type AdmissionLimits, admissionLimits, createAdmission } from './admission.ts';
import { createBusSide } from './bus-side.ts';
import { createCarriedKeeper } from './carried-keeper.ts';
import { CommitTimes } from './commit-times.ts';
import { createEdgeGuard, type HeldByEdges } from './edge-guard.ts';
import { concernsEdges, concernsKeys, type EdgeRegistry } from './edge-registry.ts';
import { EdgeTracker } from './edge-tracker.ts';
import { makeHeartbeat } from './heartbeats.ts';
import { createLanes } from './lanes.ts';
import { LostHistories } from './lost-history.ts';
import { createPublishMetrics } from './metrics.ts';
import { OtherReplicas } from './other-replicas.ts';
import { createReceipts } from './receipts.ts';
import { createReplicaRow } from './replica-row.ts';
import { startRounds } from './rounds.ts';
import { createSaver } from './saver.ts';
import { createSlices } from './slices.ts';
import { createStatusKeeper } from './status-keeper.ts';

export interface PublisherOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of this replica, in heartbeats. */
  readonly replica: string;
  readonly metrics: Registry;
  /** Raw, 32 bytes. */
  readonly rootPublicKey: Uint8Array;
  /** What this replica signs with; asked again when the keys change. */
  readonly signingKeys: () => Promise<readonly SigningKeyPair[]>;
  /** null: there is none, and edges have gRPC alone. */
  readonly bus: Bus | null;
  readonly monotonic?: Monotonic;
  /** A consumer that takes nothing for so long is closed. Default: 5 s. */
  readonly stallMs?: number;
  readonly admission?: AdmissionLimits;
  /** What an edge may say. */
  readonly budget?: BudgetLimits;
}

export interface Publisher extends PublisherPort {
  readonly receipts: Receipts;
  readonly registry: EdgeRegistry;
  /** Starts reading; resolves once the database was read. */
  start(): Promise<void>;
  /** Serves a stream that was authenticated. null: the edge has too many, or all are ended. */
  openStream(peer: StreamPeer, pipe: Pipe): SyncStream | null;
  /** Has connections closed, too, when an edge is blocked or deleted. */
  guardConnections(connections: HeldByEdges): void;
  /** Age of what this replica has read of the log, milliseconds. */
  logAgeMs(): number;
  openStreams(): number;
  /** Ends all streams, so that edges go to another replica, and opens no more. */
  endStreams(): void;
  /** Ends all streams and stops reading. */
  stop(): Promise<void>;
}

const stallMsDefault = 5_000;
const quickStreamsMax = 200;

/** The publishing side of one replica: log, images, frames, streams, receipts. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { database, clock, log, replica, bus, stallMs = stallMsDefault } = options;
  const monotonic = options.monotonic ?? (() => performance.now());
  const slices = createSlices(monotonic);
  const commits = new CommitTimes();
  const others = new OtherReplicas(replica, monotonic);
  const admission = createAdmission(options.admission ?? admissionLimits, monotonic);
  const heads = (): ReadonlyMap<Lane, Position> => lanes.heads();
  const tracker = new EdgeTracker({ clock, monotonic, heads, log });
  const metrics = createPublishMetrics(options.metrics, {
    heads,
    imageRows: () => new Map(lanes.all().map(({ lane, keeper }) => [lane, keeper.rows()])),
    alarms: () => tracker.alarms(),
    transfers: () => admission.transfers.taken,
  });
  const keys = createReplicaKeys({
    load: options.signingKeys,
    rootPublicKey: options.rootPublicKey,
    clock,
    log,
    onChanged() {
      // Their manifests may be signed with a key that was withdrawn.
      for (const { snapshots } of lanes.all()) snapshots.forget();
      streams.pump();
    },
  });
  const signer = createSigner({ keys, clock, log, onSigned: (lane) => metrics.frameSigned(lane) });
  const guard = createEdgeGuard({
    database,
    clock,
    monotonic,
    log,
    onListed: (isListed) => tracker.forget(isListed),
  });
  const { registry } = guard;
  const nackLog = new CoalescingLog(log, 'publish.nack', monotonic);
  const keeper = createStatusKeeper({
    database,
    tracker,
    replica,
    slices,
    clock,
    monotonic,
    log,
  });
  const carriedSaid = new CarriedSaid();
  const carried = createCarriedKeeper({
    adopt: (edgeId, blocks) => adoptCarried(database, edgeId, blocks, clock(), carriedSaid),
    monotonic,
    log,
  });

  /** Once it has been read. */
  const sayByBus = (lane: Lane, { epoch, rev }: Position): void => {
    const frame = lanes.get(lane).ring.after({ epoch, rev: rev - 1 });
    if (frame !== null && frame !== 'gone') busSide?.frame(lane, frame.bytes);
  };

  const onRevision = (revision: Revision): void => {
    const { lane, epoch, rev } = revision;
    if (commits.find(lane, { epoch, rev }) !== null) sayByBus(lane, { epoch, rev });
    if (lane === 'revoke') streams.pumpRevoke();
    else streams.pump();
    tracker.headMoved(lane, { epoch, rev });
    if (concernsEdges(revision)) void registry.refresh();
    if (concernsKeys(revision)) void keys.refresh();
  };

  const lostHistories = new LostHistories({
    database,
    clock,
    monotonic,
    log,
    onRaised: () => metrics.epochRaised(),
  });
  const lanes = createLanes({
    database,
    signer,
    slices,
    monotonic,
    log,
    onRevision,
    onReset(lane, head) {
      tracker.reset(lane, head);
      streams.pump();
      void registry.refresh();
      void keys.refresh();
    },
    onSnapshot: (lane) => metrics.snapshotBuilt(lane),
    aheadElsewhere: (lane, position) => others.has(lane, position),
    believes: (lane, proof) => keys.verification.verifyProof(lane, proof) === 'ok',
    async raiseEpoch(lane, proof, databaseHead) {
      await lostHistories.show(lane, proof, databaseHead);
      lanes.wake();
    },
  });

  const streams = new StreamSet(
    {
      sources: new Map(lanes.all().map(({ lane, source }) => [lane, source])),
      tracker,
      admission,
      keys: () => keys.message(),
      observer: {
        resumed: (lane, mode) => metrics.resumed(lane, mode),
        partSent: (lane) => metrics.partSent(lane),
        held: () => undefined,
      },
      onCarried: (edgeId, blocks) => carried.take(edgeId, blocks),
      onEnforced({ lane, position, path }, openedAtMs) {
        const before = { epoch: position.epoch, rev: position.rev - 1 };
        const readAtMs = lanes.get(lane).ring.readAtMsAfter(before);
        const heard = readAtMs !== null && readAtMs >= openedAtMs;
        const seconds = heard ? (monotonic() - readAtMs) / 1_000 : null;
        metrics.enforced(lane, path ?? 'unknown', seconds);
      },
      onNack(edgeId, nack) {
        const { lane, position, code } = nack;
        metrics.nack(lane, code);
        nackLog.note(`${edgeId} ${lane}`, { edge: edgeId, lane, position, code });
      },
      onEnded(reason) {
        metrics.streamEnded(reason);
        if (reason === 'busy') metrics.helloRefused();
      },
      monotonic,
      log,
      stallMs,
    },
    slices,
    options.budget ?? budgetLimits,
  );
  guard.add(streams);

  const busSide =
    bus &&
    createBusSide({
      bus,
      monotonic,
      wake: () => lanes.wake(),
      heard(heartbeat) {
        const verdict = keys.verification.verifyHeartbeat(heartbeat, clock());
        if (verdict === 'ok') others.heard(heartbeat);
      },
    });

  const stopListening = database.onCommitted((positions) => {
    const atMs = monotonic();
    for (const lane of laneNames) {
      const position = positions[lane];
      if (position === undefined) continue;
      commits.note(lane, position, atMs);
      // The log may have been read between the commit and the word of it.
      sayByBus(lane, position);
    }
    lanes.wake();
  });

  const row = createReplicaRow({ database, replica, clock, monotonic, log });
  const saver = createSaver(async () => {
    try {
      others.saw(await row.save(heads()));
    } catch (error) {
      log.debug('publish.replica_not_saved', { error });
    }
    await keeper.save();
  });
  // A receipt that another replica waits for does not wait for the round, unless edges are many.
  const stopHearing = tracker.onChange(() => {
    if (streams.size <= quickStreamsMax) saver.soon();
  });
  const stopRounds = startRounds({
    heartbeat() {
      const heartbeat = makeHeartbeat(replica, lanes, signer, clock);
      if (heartbeat !== null) busSide?.heartbeat(heartbeat);
      return heartbeat;
    },
    streams,
    saver,
    lanes,
    registry,
    keys,
    nackLog,
    clock,
  });

  return {
    receipts: createReceipts({
      tracker,
      registry,
      clock,
      monotonic,
      heads,
      commits,
      readAtMsAfter: (lane, position) => lanes.get(lane).ring.readAtMsAfter(position),
    }),
    registry,
    async start() {
      await keys.refresh();
      await Promise.all([lanes.start(), registry.refresh()]);
    },
    wake: () => lanes.wake(),
    openStream: (peer, pipe) => streams.open(peer, pipe),
    guardConnections: (connections) => guard.add(connections),
    logAgeMs: () => lanes.ageMs(),
    openStreams: () => streams.size,
    endStreams: () => streams.end(),
    async stop() {
      stopRounds();
      stopListening();
      stopHearing();
      const saved = saver.stop();
      busSide?.stop();
      carried.stop();
      streams.end();
      await lanes.stop();
      await saved;
    },
  };
}
