import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position, SecretRef } from '@sallyport/shared/state/model';
import { type RowLane, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { EdgeLaneStart } from '@sallyport/shared/sync/edge-lane';
import type { FrameMessage, FrameProof } from '@sallyport/shared/sync/messages';
import type { Distributor } from '../../worker/distributor.ts';
import { eachLane, lanes } from '../lanes.ts';
import { monotonicMs } from '../monotonic.ts';
import { CarriedRows, type SavedDenials } from './carried-rows.ts';
import { ConfigStore } from './config-store.ts';
import type { LaneStore } from './lane-store.ts';
import { RowStore } from './row-store.ts';
import type { StateTables } from './state-tables.ts';

/** Where the state is kept beyond this process; all of it returns at once. */
export interface EdgeDisk {
  append(frame: FrameMessage): unknown;
  replaced(lane: RowLane, position: Position, proof: FrameProof | null): Promise<void>;
  /** null: a restart gives what is in memory. Else resolves when it does, or the disk has failed. */
  pending(lane: RowLane): Promise<void> | null;
  configChanged(position: Position, proof: FrameProof | null): void;
  asOf(lane: Lane, wallMs: number): void;
  saveCarried(denials: SavedDenials): Promise<void>;
}

/** Keeps nothing: a restart begins without state. */
export const noDisk: EdgeDisk = {
  append: () => undefined,
  replaced: () => Promise.resolve(),
  pending: () => null,
  configChanged: () => undefined,
  asOf: () => undefined,
  saveCarried: () => Promise.resolve(),
};

/** How a lane stood when the process before this one ended. */
export interface FoundLane {
  readonly position: Position | null;
  readonly proof: FrameProof | null;
  /** Wall time; null: as old as can be. */
  readonly asOfMs: number | null;
  readonly highest: Position | null;
}

export interface EdgeStateOptions {
  readonly tables: StateTables;
  readonly disk: EdgeDisk;
  readonly found: Readonly<Record<Lane, FoundLane>>;
  readonly denials: SavedDenials;
  readonly distributor: Distributor;
  readonly rootPublicKey: Uint8Array;
  readonly onSecrets: (secrets: ReadonlyMap<string, SecretRef>) => void;
  readonly log: Log;
  /** Wall time. */
  readonly clock: Clock;
}

const nothingFound: FoundLane = { position: null, proof: null, asOfMs: null, highest: null };

/** What an edge finds that was never here before. */
export const foundNothing: Readonly<Record<Lane, FoundLane>> = eachLane(() => nothingFound);

/** All state of an edge on its main thread: rows, what is kept of them, and how old they are. */
export class EdgeState {
  readonly tables: StateTables;
  readonly disk: EdgeDisk;
  readonly carried: CarriedRows;
  readonly stores: Readonly<Record<Lane, LaneStore>>;
  /** Set by whoever reports them upward. */
  onCarried: () => void = () => undefined;
  readonly #options: EdgeStateOptions;
  readonly #config: ConfigStore;

  constructor(options: EdgeStateOptions) {
    const { tables, disk, distributor, log, rootPublicKey, onSecrets } = options;
    this.#options = options;
    this.tables = tables;
    this.disk = disk;
    this.carried = new CarriedRows({
      table: tables.carried,
      distributor,
      save: (denials) => disk.saveCarried(denials),
      onBlocks: () => this.onCarried(),
    });
    const config = { rows: tables.config, distributor, disk, rootPublicKey, onSecrets, log };
    this.#config = new ConfigStore(config);
    const rows = (lane: RowLane, carried: CarriedRows | null) =>
      new RowStore({ table: tables.rows[lane], distributor, disk, carried });
    this.stores = {
      revoke: rows('revoke', this.carried),
      signals: rows('signals', null),
      directory: rows('directory', null),
      config: this.#config,
    };
  }

  /** Where the machine of a lane starts. */
  start(lane: Lane): Omit<EdgeLaneStart, 'nowMs'> {
    const { position, proof, highest } = this.#options.found[lane];
    return {
      lane,
      shards: lane === 'config' ? 1 : shardsPerLane,
      head: position,
      proof,
      mark: highest,
      digest: this.stores[lane].digest(),
      asOfMs: this.#asOfMs(lane),
    };
  }

  /** Puts what was found on the disk to use: this edge decides by it before anybody can be asked. */
  async restore(): Promise<void> {
    const { found, denials, distributor, tables } = this.#options;
    this.carried.restore(denials);
    for (const lane of lanes) {
      const { position } = found[lane];
      if (position === null) continue;
      tables.ages.set(lane, this.#asOfMs(lane) ?? Number.NEGATIVE_INFINITY);
      const arrival = { path: 'disk', arrivedAtMs: monotonicMs() } as const;
      if (lane === 'config') await this.#config.restore(position, arrival);
      else distributor.changed(lane, { ...arrival, lane, position, silent: false }, null);
    }
  }

  /** The lane is known to be complete as of this instant of the monotonic clock. */
  asOf(lane: Lane, asOfMs: number): void {
    this.tables.ages.set(lane, asOfMs);
    this.disk.asOf(lane, this.#options.clock() - (monotonicMs() - asOfMs));
    if (lane === 'revoke') this.carried.complete();
  }

  /** A clock that was set back makes a state as old as can be, never young. */
  #asOfMs(lane: Lane): number | null {
    const { asOfMs } = this.#options.found[lane];
    const nowMs = this.#options.clock();
    return asOfMs === null || asOfMs > nowMs ? null : monotonicMs() - (nowMs - asOfMs);
  }
}
