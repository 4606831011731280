import type { StateOp } from '@sallyport/shared/state/model';
import { holdConfiguration } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';
import {
  bundleOf,
  type ReleaseRow,
  readReleases,
  releaseOp,
  versionsInLane,
} from '../store/releases.ts';
import type { WriteTx } from '../store/write.ts';

interface LaneRows {
  readonly versions: readonly number[];
  readonly releases: readonly ReleaseRow[];
}

/**
 * Runs a change of versions, releases or rollouts, and emits what it means for the `config` lane:
 * versions that come in, releases that differ, versions that go. So the lane's rows are those that
 * `readLaneState` reads, whatever the change was. Changes take turns.
 */
export async function moveLane<T>(tx: WriteTx, change: () => Promise<T>): Promise<T> {
  await holdConfiguration(tx.db);
  const before = await laneRows(tx.db);
  const result = await change();
  const after = await laneRows(tx.db);
  const ops: StateOp[] = [];
  for (const version of after.versions) {
    if (!before.versions.includes(version)) ops.push(await bundleOf(tx.db, version));
  }
  ops.push(...after.releases.filter((row) => !isIn(before.releases, row)).map(releaseOp));
  for (const version of before.versions) {
    if (!after.versions.includes(version)) ops.push({ op: 'deleted_bundle', version });
  }
  tx.emit('config', ...ops);
  return result;
}

async function laneRows(db: Executor): Promise<LaneRows> {
  return { versions: await versionsInLane(db), releases: await readReleases(db) };
}

function isIn(rows: readonly ReleaseRow[], { ring, version, shadowVersion }: ReleaseRow): boolean {
  return rows.some(
    (row) => row.ring === ring && row.version === version && row.shadowVersion === shadowVersion,
  );
}
