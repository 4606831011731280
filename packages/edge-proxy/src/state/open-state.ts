import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import type { LoadedState } from './2-store/disk/loaded-state.ts';
import { StateDisk } from './2-store/disk/state-disk.ts';
import { StateTables } from './2-store/state-tables.ts';
import { lanes } from './lanes.ts';

export interface OpenStateOptions {
  readonly home: string;
  readonly edgeId: string;
  /** As pinned: raw, 32 bytes. */
  readonly rootPublicKey: Uint8Array;
  readonly key: SealKey;
  readonly log: Log;
  /** Wall time. */
  readonly clock: Clock;
}

export interface OpenedState {
  readonly disk: StateDisk;
  readonly loaded: LoadedState;
  /** With the rows that were found. */
  readonly tables: StateTables;
}

/** Reads the state that the edge had when it last ran; an empty one where there is none. */
export async function openState(options: OpenStateOptions): Promise<OpenedState> {
  const { log, clock, ...where } = options;
  const startedAtMs = performance.now();
  const { disk, loaded } = await StateDisk.open({ ...where, log, nowMs: clock });
  const tables = new StateTables(loaded.tables, loaded.configRows);
  log.info('state.loaded', {
    tookMs: Math.round(performance.now() - startedAtMs),
    lanes: Object.fromEntries(lanes.map((lane) => [lane, loaded.lanes[lane].position])),
    rows: Object.values(loaded.tables).reduce((sum, { rows }) => sum + rows, 0),
    problems: loaded.problems.length,
  });
  return { disk, loaded, tables };
}
