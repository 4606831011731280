import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { DiskKeys } from './disk-keys.ts';
import { replaceFile, syncDirectory } from './files.ts';
import type { LaneDisk } from './lane-disk.ts';
import { type LaneIndex, sealIndex } from './lane-index.ts';
import type { LaneFileName, LanePaths } from './paths.ts';

/**
 * Writes the shards that have changed, one at a time between other work, then puts an index of them
 * in force and drops what it replaces. Returns whether it did: not when the journal broke, or other
 * rows came, in the meantime. `before` is run ahead of the index. Rejects with what the disk says;
 * the next call goes on where this one stopped.
 */
export async function writeCheckpoint(
  lane: LaneDisk,
  keys: DiskKeys,
  before: () => Promise<void>,
): Promise<boolean> {
  const checkpoint = lane.begin();
  const { sequence, from, proof } = checkpoint;
  for (let shard = 0; shard < shardsPerLane; shard += 1) {
    if (!lane.isUnderWay(checkpoint)) return false;
    await lane.shards.write(shard, sequence, lane.position ?? from);
  }
  await syncDirectory(lane.paths.directory);
  await before();
  // A file holds what came while it was written, so the journal must hold as much.
  await lane.sync();
  if (!lane.isUnderWay(checkpoint)) return false;
  const index: LaneIndex = { sequence, from, proof, shards: lane.shards.files() };
  await replaceFile(lane.paths.index, [sealIndex(keys, lane.lane, index)]);
  lane.finish(checkpoint, index);
  await removeUnused(lane.paths, index);
  return true;
}

/** Removes what no index needs: files of checkpoints before, and of those that were cut short. */
async function removeUnused(paths: LanePaths, index: LaneIndex): Promise<void> {
  for (const name of await readdir(paths.directory)) {
    const file = paths.parse(name);
    if (file === null || isUsed(file, index)) continue;
    await rm(join(paths.directory, name), { force: true });
  }
}

function isUsed(file: LaneFileName, index: LaneIndex): boolean {
  switch (file.kind) {
    case 'index':
      return true;
    case 'unfinished':
      return false;
    case 'journal':
      return file.sequence >= index.sequence;
    case 'shard':
      // A later one belongs to a checkpoint that has begun since.
      return file.sequence > index.sequence || index.shards[file.shard]?.sequence === file.sequence;
  }
}
