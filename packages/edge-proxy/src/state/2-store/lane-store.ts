import type { Lane, Position, StateOp } from '@sallyport/shared/state/model';
import { applyConfigOp, type ConfigTable, createConfigTable } from './config-table.ts';
import { applyDirectoryOp, createDirectoryTable, type DirectoryTable } from './directory-table.ts';
import { isOpOf } from './lane-ops.ts';
import { applyRevokeOp, createRevokeTable, type RevokeTable } from './revoke-table.ts';
import type { SubjectSets } from './subjects.ts';

/** The rows of one lane, the position they stand at, and a whole state under construction. */
export interface LaneStore<Table> {
  position: Position | null;
  table: Table;
  /** Rows of a whole state that is still arriving; nobody reads them. */
  arriving: Table | null;
}

export interface LaneStores {
  readonly revoke: LaneStore<RevokeTable>;
  readonly config: LaneStore<ConfigTable>;
  readonly directory: LaneStore<DirectoryTable>;
}

export type StoredLane = keyof LaneStores;
export const storedLanes = [
  'revoke',
  'config',
  'directory',
] as const satisfies readonly StoredLane[];

/** Whether this version keeps rows of the lane. */
export function isStoredLane(lane: Lane): lane is StoredLane {
  return (storedLanes as readonly Lane[]).includes(lane);
}

export function createLaneStores(): LaneStores {
  return {
    revoke: { position: null, table: createRevokeTable(), arriving: null },
    config: { position: null, table: createConfigTable(null), arriving: null },
    directory: { position: null, table: createDirectoryTable(), arriving: null },
  };
}

/** Applies one frame's ops to the live rows. */
export function applyFrame(
  stores: LaneStores,
  lane: StoredLane,
  position: Position,
  ops: readonly StateOp[],
  changed: SubjectSets,
): void {
  applyOps(stores, lane, 'table', ops, changed);
  stores[lane].position = position;
}

export interface RowsSlice {
  readonly position: Position;
  readonly first: boolean;
  readonly last: boolean;
  readonly ops: readonly StateOp[];
}

/**
 * Takes the next slice of a whole state. The live rows stay untouched until the last slice, which
 * puts the new ones in their place; returns whether that has happened.
 */
export function applyRows(
  stores: LaneStores,
  lane: StoredLane,
  slice: RowsSlice,
  changed: SubjectSets,
): boolean {
  if (slice.first) startArriving(stores, lane);
  if (stores[lane].arriving === null) throw new Error(`rows of ${lane} without a first slice`);
  applyOps(stores, lane, 'arriving', slice.ops, changed);
  if (!slice.last) return false;
  finishArriving(stores, lane);
  stores[lane].position = slice.position;
  changed.everyone = true;
  return true;
}

function startArriving(stores: LaneStores, lane: StoredLane): void {
  switch (lane) {
    case 'revoke':
      stores.revoke.arriving = createRevokeTable();
      return;
    case 'config':
      stores.config.arriving = createConfigTable(stores.config.table.bundles);
      return;
    case 'directory':
      stores.directory.arriving = createDirectoryTable();
      return;
  }
}

function finishArriving(stores: LaneStores, lane: StoredLane): void {
  switch (lane) {
    case 'revoke':
      return swap(stores.revoke);
    case 'config':
      return swap(stores.config);
    case 'directory':
      return swap(stores.directory);
  }
}

function swap<Table>(store: LaneStore<Table>): void {
  if (store.arriving === null) return;
  store.table = store.arriving;
  store.arriving = null;
}

function applyOps(
  stores: LaneStores,
  lane: StoredLane,
  where: 'table' | 'arriving',
  ops: readonly StateOp[],
  changed: SubjectSets,
): void {
  const revoke = stores.revoke[where];
  const config = stores.config[where];
  const directory = stores.directory[where];
  for (const op of ops) {
    if (lane === 'revoke' && revoke !== null && isOpOf('revoke', op)) {
      applyRevokeOp(revoke, op, changed);
    } else if (lane === 'config' && config !== null && isOpOf('config', op)) {
      applyConfigOp(config, op, changed);
    } else if (lane === 'directory' && directory !== null && isOpOf('directory', op)) {
      applyDirectoryOp(directory, op, changed);
    } else {
      throw new Error(`op ${op.op} does not belong to the lane ${lane}`);
    }
  }
}
