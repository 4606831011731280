import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import type { Publisher as PublisherPort, Receipts } from '../ports.ts';
import type { Database } from '../store/database.ts';
import { followLog, type Monotonic } from './1-log/follow.ts';
import { createShards } from './2-shards/shards.ts';
import { encodeHeartbeat } from './3-frames/encode.ts';
import { FrameRing, ringLimits } from './3-frames/ring.ts';
import { createLaneSource } from './4-stream/lane-source.ts';
import { StreamSet } from './4-stream/stream-set.ts';
import type { Pipe, StreamPeer, SyncStream } from './4-stream/sync-stream.ts';
import { CommitTimes } from './commit-times.ts';
import { createEdgeGuard, type HeldByEdges } from './edge-guard.ts';
import { concernsEdges, type EdgeRegistry } from './edge-registry.ts';
import { EdgeTracker } from './edge-tracker.ts';
import { waitEnforced } from './receipts.ts';
import { createStatusKeeper } from './status-keeper.ts';

export interface PublisherOptions {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Name of this replica, in heartbeats. */
  readonly replica: string;
  readonly monotonic?: Monotonic;
  /** A consumer that takes nothing for so long is closed. Default: 5 s. */
  readonly stallMs?: number;
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
  /** Since the database was last seen, milliseconds. */
  logAgeMs(): number;
  openStreams(): number;
  /** Ends all streams, so that edges go to another replica, and opens no more. */
  endStreams(): void;
  /** Ends all streams and stops reading. */
  stop(): Promise<void>;
}

const tickMs = 1_000;
const stallMsDefault = 5_000;
const registryAgeTicks = 5;

/** The publishing side of one replica: log, shards, frames, streams, receipts. */
export function createPublisher(options: PublisherOptions): Publisher {
  const { database, clock, log, replica, stallMs = stallMsDefault } = options;
  const monotonic = options.monotonic ?? (() => performance.now());
  const heads = (): ReadonlyMap<Lane, Position> => follower.heads();
  const tracker = new EdgeTracker({ clock, monotonic, heads, log });
  const commits = new CommitTimes();
  const shards = createShards(database, clock);
  const keeper = createStatusKeeper({ database, tracker, clock, log });
  const guard = createEdgeGuard({
    database,
    clock,
    log,
    onKnown: (isKnown) => tracker.forget(isKnown),
  });
  const { registry } = guard;
  const rings = createRings();

  const follower = followLog({
    database,
    log,
    monotonic,
    listener: {
      onRevision(revision) {
        rings[revision.lane].append(revision, monotonic());
        streams.pump();
        if (concernsEdges(revision)) void registry.refresh();
      },
      onReset(lane, head) {
        log.info('publish.lane_reset', { lane, head });
        rings[lane].reset(head);
        tracker.reset(lane, head);
        streams.pump();
        void registry.refresh();
      },
    },
  });

  const sources = new Map(
    lanes.map((lane) => [
      lane,
      createLaneSource(lane, { database, ring: rings[lane], shards, heads }),
    ]),
  );
  const streams = new StreamSet({ sources, tracker, monotonic, log, stallMs });
  guard.add(streams);

  const stopListening = database.onCommitted((positions) => {
    const atMs = monotonic();
    for (const lane of lanes) {
      const position = positions[lane];
      if (position !== undefined) commits.note(lane, position, atMs);
    }
    follower.wake();
  });

  let ticks = 0;
  const timer = setInterval(() => {
    const sentAtMs = clock();
    const logAgeMs = follower.ageMs();
    streams.tick(encodeHeartbeat({ replica, sentAtMs, logAgeMs, heads: heads() }), sentAtMs);
    shards.forgetOld();
    void keeper.save();
    // Blocks of edges expire by time alone.
    if (ticks++ % registryAgeTicks === 0) void registry.refresh();
  }, tickMs);

  /** When (monotonic) this process committed a revision, or else when it read it. */
  const madeAtMs = (lane: Lane, position: Position): number | null => {
    const frame = rings[lane].after({ epoch: position.epoch, rev: position.rev - 1 });
    const readAtMs = frame === null || frame === 'gone' ? null : frame.readAtMs;
    return commits.find(lane, position) ?? readAtMs;
  };
  const receiptParts = { tracker, registry, clock, monotonic, heads, madeAtMs };

  return {
    receipts: {
      waitEnforced: (lane, position, timeoutMs) =>
        waitEnforced(receiptParts, lane, position, timeoutMs),
      edgesStatus: () => tracker.status(),
    },
    registry,
    async start() {
      await Promise.all([follower.start(), registry.refresh()]);
    },
    wake: () => follower.wake(),
    openStream: (peer, pipe) => streams.open(peer, pipe),
    guardConnections: (connections) => guard.add(connections),
    logAgeMs: () => follower.ageMs(),
    openStreams: () => streams.size,
    endStreams: () => streams.end(),
    async stop() {
      clearInterval(timer);
      stopListening();
      streams.end();
      await follower.stop();
    },
  };
}

function createRings(): Readonly<Record<Lane, FrameRing>> {
  return {
    revoke: new FrameRing(ringLimits.revoke),
    config: new FrameRing(ringLimits.config),
    signals: new FrameRing(ringLimits.signals),
    directory: new FrameRing(ringLimits.directory),
  };
}
