import type { Log } from '@sallyport/shared/log';
import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import type { Database } from '../store/database.ts';
import type { LaneHead, Revision } from '../store/log-connection.ts';
import { followLog, type LogFollower, type Monotonic } from './1-log/follow.ts';
import { buildImage } from './2-images/build.ts';
import { ImageKeeper } from './2-images/image-keeper.ts';
import { Snapshots } from './2-images/snapshots.ts';
import { FrameRing, ringLimits } from './3-frames/ring.ts';
import type { ReplicaSigner } from './3-frames/sign.ts';
import { HistoryChecks } from './4-stream/history-checks.ts';
import {
  createImageSource,
  createLaneSource,
  type KeptLaneSource,
} from './4-stream/lane-sources.ts';
import type { Slices } from './slices.ts';

/** What this replica has of one lane. */
export interface ReplicaLaneParts {
  readonly lane: Lane;
  readonly ring: FrameRing;
  readonly keeper: ImageKeeper;
  readonly snapshots: Snapshots;
  readonly source: KeptLaneSource;
}

export interface ReplicaLanes {
  get(lane: Lane): ReplicaLaneParts;
  all(): readonly ReplicaLaneParts[];
  heads(): ReadonlyMap<Lane, LaneHead>;
  /** Since the database was last seen to have no more than this replica, milliseconds. */
  ageMs(): number;
  wake(): void;
  start(): Promise<void>;
  stop(): Promise<void>;
}

export interface LanesOptions {
  readonly database: Database;
  readonly signer: ReplicaSigner;
  readonly slices: Slices;
  readonly monotonic: Monotonic;
  readonly log: Log;
  readonly onRevision: (revision: Revision) => void;
  readonly onReset: (lane: Lane, head: LaneHead) => void;
  readonly onSnapshot: (lane: Lane) => void;
  readonly aheadElsewhere: (lane: Lane, position: Position) => boolean;
  readonly believes: (lane: Lane, proof: FrameProof) => boolean;
  /** The database lost what the proof shows. */
  readonly raiseEpoch: (lane: Lane, proof: FrameProof, databaseHead: Position) => Promise<void>;
}

/** Revocations have a connection of their own: no import holds them up. */
const followed: readonly (readonly Lane[])[] = [
  ['revoke'],
  lanes.filter((lane) => lane !== 'revoke'),
];

/** Joins log, ring, image and source of each lane. */
export function createLanes(options: LanesOptions): ReplicaLanes {
  const { database, signer, slices, monotonic, log } = options;
  const parts = new Map<Lane, ReplicaLaneParts>();
  const checks = new HistoryChecks(database, monotonic);

  const get = (lane: Lane): ReplicaLaneParts => {
    const found = parts.get(lane);
    if (found === undefined) throw new Error(`no lane ${lane}`);
    return found;
  };

  /** As last heard of. */
  const epochs = new Map<Lane, number>();
  // One for all: it is asked with each acknowledgement of each edge.
  const heads = new Map<Lane, LaneHead>();
  const followers: readonly LogFollower[] = followed.map((group) =>
    followLog({
      database,
      lanes: group,
      heads,
      log,
      monotonic,
      listener: {
        onRevision(revision) {
          const { ring, keeper } = get(revision.lane);
          ring.append(revision, monotonic());
          options.onRevision(revision);
          keeper.wake();
        },
        onReset(lane, head, sha256) {
          const before = epochs.get(lane) ?? head.epoch;
          epochs.set(lane, head.epoch);
          // The first read is one, too, and nothing has happened then.
          const level = before === head.epoch ? 'debug' : 'info';
          log[level]('publish.lane_reset', { lane, head });
          const { ring, keeper, snapshots } = get(lane);
          ring.reset(head, sha256);
          snapshots.forget();
          options.onReset(lane, head);
          keeper.reset();
        },
      },
    }),
  );
  const ageMs = (): number => Math.max(...followers.map((follower) => follower.ageMs()));

  for (const lane of lanes) {
    const ring = new FrameRing(ringLimits[lane], signer);
    const head = (): LaneHead | null => heads.get(lane) ?? null;
    const keeper = new ImageKeeper({
      lane,
      source: createImageSource(lane, database, ring, head),
      build: () => buildImage(database, lane, slices),
      slices,
      log,
    });
    const snapshots = new Snapshots({
      keeper,
      sign: (manifest) => signer.manifest(manifest),
      slices,
      monotonic,
      onBuilt: () => options.onSnapshot(lane),
    });
    const source = createLaneSource({
      lane,
      database,
      ring,
      signer,
      keeper,
      snapshots,
      head,
      logAgeMs: ageMs,
      checks,
      believes: (proof) => options.believes(lane, proof),
      raiseEpoch: (proof, databaseHead) => options.raiseEpoch(lane, proof, databaseHead),
      aheadElsewhere: (position) => options.aheadElsewhere(lane, position),
    });
    parts.set(lane, { lane, ring, keeper, snapshots, source });
  }

  return {
    get,
    all: () => [...parts.values()],
    heads: () => heads,
    ageMs,
    wake() {
      for (const follower of followers) follower.wake();
    },
    async start() {
      await Promise.all(followers.map((follower) => follower.start()));
      await Promise.all([...parts.values()].map(({ source }) => source.refresh()));
    },
    async stop() {
      for (const { keeper } of parts.values()) keeper.stop();
      await Promise.all(followers.map((follower) => follower.stop()));
    },
  };
}
