import type { Clock } from '@sallyport/shared/clock';
import type { ConfigOp, Lane, Position, StateOp } from '@sallyport/shared/state/model';
import { KeyedRows } from '@sallyport/shared/state/tables/keyed-rows';
import type { LayoutChange, RowOp } from '@sallyport/shared/state/tables/lane';
import { createLaneTable } from '@sallyport/shared/state/tables/lane-table';
import { StateReader } from '@sallyport/shared/state/tables/reader';
import { StateTables } from '../state/2-store/state-tables.ts';
import { subjectsOf } from '../state/2-store/subjects.ts';
import type { StateChange } from '../state/current.ts';
import { eachLane, lanes } from '../state/lanes.ts';
import { monotonicMs } from '../state/monotonic.ts';
import { createWorkerState, type WorkerState } from '../state/worker-state.ts';
import type { WorkerCredentials } from '../worker/messages.ts';

/** The state of a worker whose tables are written by the test itself. */
export interface LocalState {
  readonly state: WorkerState;
  readonly tables: StateTables;
  /** Applies the next revision of the lane, the first time as its whole state. */
  apply(lane: Lane, ...ops: readonly StateOp[]): StateChange;
  /** The lane is this old from now on; null: nobody knows. */
  setAge(lane: Lane, ageMs: number | null): void;
}

export interface LocalStateOptions {
  readonly edgeId: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly credentials: WorkerCredentials;
  readonly clock?: Clock;
}

/** Tables of a state without rows that is as of now in every lane. */
export function emptyTables(): StateTables {
  const rows = {
    revoke: createLaneTable('revoke'),
    signals: createLaneTable('signals'),
    directory: createLaneTable('directory'),
  };
  const tables = new StateTables(rows, new KeyedRows());
  for (const lane of lanes) tables.ages.set(lane, monotonicMs());
  return tables;
}

/** A reader of the tables in the thread that writes them. */
export function localReader(tables: StateTables): StateReader {
  const layouts: LayoutChange[] = [];
  tables.announceLayout({ postMessage: (change: LayoutChange) => layouts.push(change) });
  return new StateReader(tables.shared(), () => layouts.shift() ?? null);
}

/** A state without rows that is as of now in every lane. */
export function createLocalState(options: LocalStateOptions): LocalState {
  const tables = emptyTables();
  const { ages } = tables;
  const state = createWorkerState({ ...options, reader: localReader(tables), ages });
  const positions: Record<Lane, Position | null> = eachLane(() => null);
  let seq = 0;
  return {
    state,
    tables,
    apply: (lane, ...ops) => {
      const before = positions[lane];
      const position = { epoch: 1, rev: (before?.rev ?? 0) + 1 };
      positions[lane] = position;
      seq += 1;
      if (lane === 'config') {
        const whole = before === null;
        return state.apply({ type: 'config', seq, position, whole, ops: ops as ConfigOp[] });
      }
      tables.rows[lane].apply(ops as RowOp[]);
      const subjects = before === null ? null : subjectsOf(ops);
      return state.apply({ type: 'changed', seq, lane, position, subjects });
    },
    setAge: (lane, ageMs) => ages.set(lane, ageMs === null ? null : monotonicMs() - ageMs),
  };
}
