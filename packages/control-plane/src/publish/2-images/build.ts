import type { Lane, Position } from '@sallyport/shared/state/model';
import { readHead } from '../../store/change-log.ts';
import { type Database, readSnapshot } from '../../store/database.ts';
import { readLaneState } from '../../store/lane-state.ts';
import type { Slices } from '../slices.ts';
import { createLaneImage, type LaneImage } from './lane-image.ts';

export interface BuiltImage {
  readonly image: LaneImage;
  readonly position: Position;
}

/** Reads a lane's rows as of one instant. Fails with `database_unavailable`. */
export async function buildImage(
  database: Database,
  lane: Lane,
  slices: Slices,
): Promise<BuiltImage> {
  return readSnapshot(database, async (tx) => {
    // The first statement fixes the snapshot: head and rows are of one instant.
    const position = await readHead(tx, lane);
    const image = createLaneImage(lane);
    for await (const ops of readLaneState(tx, lane)) {
      for (let at = 0; at < ops.length; at += opsPerSlice) {
        image.apply(ops.slice(at, at + opsPerSlice));
        await slices.turn();
      }
    }
    return { image, position };
  });
}

const opsPerSlice = 250;
