import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import { type RowLane, rowLanes } from '@sallyport/shared/state/tables/lane';
import { createLaneTable, type LaneTable } from '@sallyport/shared/state/tables/lane-table';
import type { DiskKeys } from './disk-keys.ts';
import { FileReader } from './files.ts';
import type { Instant } from './instants.ts';
import { type FoundLane, loadLane, refusedLane } from './load-lane.ts';
import { type LoadedCarried, loadCarried, loadConfig, loadKeys, loadMarks } from './load-small.ts';
import { type LoadedLane, type LoadedState, Problems } from './loaded-state.ts';
import { type Marks, noMarks } from './marks.ts';
import type { DiskPaths } from './paths.ts';
import { ShardFiles } from './shard-files.ts';

/** What was read, and what is needed to go on writing. */
export interface Loaded {
  readonly state: LoadedState;
  /** null: there are none, and nothing of the state was believed. */
  readonly marks: Marks | null;
  readonly carried: LoadedCarried;
  readonly rowLanes: Readonly<Record<RowLane, LoadedFiles>>;
}

export interface LoadedFiles extends Omit<FoundLane, 'loaded'> {
  readonly shards: ShardFiles;
}

/** Makes the directories, for the owner alone. Throws what the disk says. */
export function makeDirectories(paths: DiskPaths): void {
  const all = [paths.root, ...rowLanes.map((lane) => paths.lane(lane).directory)];
  for (const directory of all) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    if ((statSync(directory).mode & 0o077) !== 0) chmodSync(directory, 0o700);
  }
}

/**
 * Reads and verifies all there is. Never throws for what is in the files: what is not believed is
 * left out and named. Without marks that can be believed no lane is complete, since then nobody
 * can say that it is not an older copy.
 */
export function loadState(paths: DiskPaths, keys: DiskKeys, now: Instant): Loaded {
  const problems = new Problems();
  const reader = new FileReader();
  const source = { paths, keys, reader, problems, now };
  const found = loadMarks(source);
  const marks = found ?? noMarks;
  const carried = loadCarried(source, marks.carried);
  const configRows = new KeyedRows();
  const config = loadConfig(source, marks.lanes.config, configRows);
  const rows = loadRowLanes(source, marks);
  const { revoke, signals, directory } = rows;
  const lanes = {
    revoke: carried.complete ? revoke.loaded : refused(revoke.loaded, marks),
    signals: signals.loaded,
    directory: directory.loaded,
    config,
  };
  const held = Object.values(lanes).some(({ complete }) => complete);
  if (found === null && held) {
    const detail = 'without the marks nobody can say that the state is not an older copy';
    problems.add(paths.marks, { code: 'marks_missing', detail });
  }
  return {
    state: {
      tables: { revoke: revoke.table, signals: signals.table, directory: directory.table },
      configRows,
      lanes: found === null ? withoutMarks(lanes, marks) : lanes,
      carried: carried.ops,
      keys: loadKeys(source),
      problems: problems.found,
    },
    marks: found,
    carried,
    rowLanes: rows,
  };
}

function loadRowLanes(
  source: { readonly paths: DiskPaths } & Omit<Parameters<typeof loadLane>[0], LaneParts>,
  marks: Marks,
): Record<RowLane, FoundLane & { readonly table: LaneTable; readonly shards: ShardFiles }> {
  const load = (lane: RowLane) => {
    const paths = source.paths.lane(lane);
    const table = createLaneTable(lane);
    const shards = new ShardFiles(table, paths, source.keys);
    const mark = marks.lanes[lane];
    return { ...loadLane({ ...source, lane, paths, table, shards, mark }), table, shards };
  };
  return { revoke: load('revoke'), signals: load('signals'), directory: load('directory') };
}

type LaneParts = 'lane' | 'paths' | 'table' | 'shards' | 'mark';

function refused({ missingShards }: LoadedLane, { lanes }: Marks): LoadedLane {
  return refusedLane(missingShards, lanes.revoke);
}

function withoutMarks(lanes: LoadedState['lanes'], marks: Marks): LoadedState['lanes'] {
  const { revoke, signals, directory, config } = lanes;
  return {
    revoke: refusedLane(revoke.missingShards, marks.lanes.revoke),
    signals: refusedLane(signals.missingShards, marks.lanes.signals),
    directory: refusedLane(directory.missingShards, marks.lanes.directory),
    config: refusedLane(config.missingShards, marks.lanes.config),
  };
}
