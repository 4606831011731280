import { createHash } from 'node:crypto';
import type { Clock } from '@sallyport/shared/clock';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { readHead } from '../../store/change-log.ts';
import { type Database, readSnapshot } from '../../store/database.ts';
import { readLaneState } from '../../store/lane-state.ts';
import { type Encoded, encodeShard } from '../3-frames/encode.ts';
import { Chunker } from './chunk.ts';

/** A lane's whole state at one position, encoded once for all streams that need it. */
export interface ShardSet {
  readonly position: Position;
  readonly shards: readonly Encoded[];
}

export interface Shards {
  /**
   * The newest set if `serves` its caller by its position, else a new one. Streams that ask at the
   * same time share one build. Fails with `database_unavailable`.
   */
  get(lane: Lane, serves: (position: Position) => boolean): Promise<ShardSet>;
  /** Lets go of sets that nobody asked for lately. Called now and then. */
  forgetOld(): void;
}

const keptMs = 30_000;

interface Kept {
  readonly set: ShardSet;
  readonly builtAtMs: number;
}

/** Builds and shares the shard sets of all lanes. `clock` also says which rows have expired. */
export function createShards(database: Database, clock: Clock): Shards {
  const kept = new Map<Lane, Kept>();
  const building = new Map<Lane, Promise<ShardSet>>();

  const build = (lane: Lane): Promise<ShardSet> => {
    let promise = building.get(lane);
    if (promise === undefined) {
      promise = readShards(database, lane, clock())
        .then((set) => {
          kept.set(lane, { set, builtAtMs: clock() });
          return set;
        })
        .finally(() => building.delete(lane));
      building.set(lane, promise);
    }
    return promise;
  };

  return {
    async get(lane, serves) {
      const found = kept.get(lane);
      const fresh = found !== undefined && clock() - found.builtAtMs < keptMs;
      if (fresh && serves(found.set.position)) return found.set;
      const set = await build(lane);
      // A build that was under way already may be from before what the caller needs.
      return serves(set.position) ? set : build(lane);
    },
    forgetOld() {
      for (const [lane, { builtAtMs }] of kept) {
        if (clock() - builtAtMs >= keptMs) kept.delete(lane);
      }
    },
  };
}

async function readShards(database: Database, lane: Lane, nowMs: number): Promise<ShardSet> {
  return readSnapshot(database, async (tx) => {
    // The first statement fixes the snapshot: head and rows are of one instant.
    const position = await readHead(tx, lane);
    const chunker = new Chunker();
    for await (const ops of readLaneState(tx, lane, nowMs)) for (const op of ops) chunker.add(op);
    const bodies = chunker.finish();
    const shards = bodies.map((body, index) =>
      encodeShard({
        lane,
        position,
        index,
        count: bodies.length,
        body,
        sha256: createHash('sha256').update(body).digest(),
      }),
    );
    return { position, shards };
  });
}
