import type { Lane, Position } from '@sallyport/shared/state/model';
import { readOldestRevision, readRevisions } from '../../store/change-log.ts';
import { type Database, read } from '../../store/database.ts';
import type { Revision } from '../../store/log-connection.ts';
import type { ShardSet, Shards } from '../2-shards/shards.ts';
import type { Frame, FrameRing } from '../3-frames/ring.ts';
import { reaches } from '../position.ts';

/** Where the cursors of all streams find one lane: head, ring, log and shards. */
export interface LaneSource {
  readonly lane: Lane;
  /** null before the database was read for the first time. */
  head(): Position | null;
  frameAfter(position: Position): Frame | null | 'gone';
  /** Whether ring or log have every revision after the position. */
  canTail(position: Position): Promise<boolean>;
  /** Revisions that are not in the ring any more; empty if the log cannot go on from there. */
  revisionsAfter(position: Position): Promise<readonly Revision[]>;
  /** The whole state, at `atLeast` or later. */
  shards(atLeast: Position | null): Promise<ShardSet>;
}

/** Read from the log at a time for a stream that fell out of the ring. */
const revisionsPerRead = 50;

export function createLaneSource(
  lane: Lane,
  parts: {
    readonly database: Database;
    readonly ring: FrameRing;
    readonly shards: Shards;
    readonly heads: () => ReadonlyMap<Lane, Position>;
  },
): LaneSource {
  const { database, ring, shards, heads } = parts;
  return {
    lane,
    head: () => heads().get(lane) ?? null,
    frameAfter: (position) => ring.after(position),
    async canTail(position) {
      if (ring.after(position) !== 'gone') return true;
      const oldest = await read(database, (db) => readOldestRevision(db, lane, position.epoch));
      return oldest !== null && oldest <= position.rev + 1;
    },
    async revisionsAfter(position) {
      const rows = await read(database, (db) =>
        readRevisions(db, lane, position, revisionsPerRead),
      );
      return rows[0]?.prevRev === position.rev ? rows : [];
    },
    shards: (atLeast) =>
      shards.get(
        lane,
        (position) =>
          ring.after(position) !== 'gone' && (atLeast === null || reaches(position, atLeast)),
      ),
  };
}
