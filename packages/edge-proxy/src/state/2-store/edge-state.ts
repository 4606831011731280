import { hex } from '@sallyport/shared/bytes';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { Lane, Position, SecretRef, SigningKey } from '@sallyport/shared/state/model';
import { type RowLane, shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { EarlyFrame } from '@sallyport/shared/sync/early-frames';
import type { EdgeLaneStart } from '@sallyport/shared/sync/edge-lane';
import type { FrameMessage, FrameProof, NackMessage } from '@sallyport/shared/sync/messages';
import { VerificationKeys } from '@sallyport/shared/sync/verification-keys';
import type { Distributor } from '../../worker/distributor.ts';
import { BundleChecker, checkBundles } from '../3-index/check-bundles.ts';
import { eachLane, lanes } from '../lanes.ts';
import { monotonicMs } from '../monotonic.ts';
import { CarriedRows, type SavedDenials } from './carried-rows.ts';
import { ConfigStore } from './config-store.ts';
import { type HeldKeys, noKeys } from './disk/held-keys.ts';
import type { EarlyDenials } from './disk/loaded-state.ts';
import type { LaneStore } from './lane-store.ts';
import { isInRows, RowStore } from './row-store.ts';
import type { StateTables } from './state-tables.ts';

/** Where the state is kept beyond this process; all of it returns at once. */
export interface EdgeDisk {
  append(frame: FrameMessage): unknown;
  replaced(lane: RowLane, position: Position, proof: FrameProof | null): Promise<void>;
  /** null: a restart gives what is in memory. Else resolves when it does, or the disk has failed. */
  pending(lane: RowLane): Promise<void> | null;
  /** null: what is in memory would outlive a power cut. Else resolves when it would. */
  kept(lane: RowLane): Promise<void> | null;
  configChanged(position: Position, proof: FrameProof | null): void;
  asOf(lane: Lane, wallMs: number): void;
  saveCarried(denials: SavedDenials): Promise<void>;
  saveKeys(keys: readonly SigningKey[], withdrawn: readonly SigningKey[]): void;
}

/** Keeps nothing: a restart begins without state. */
export const noDisk: EdgeDisk = {
  append: () => undefined,
  replaced: () => Promise.resolve(),
  pending: () => null,
  kept: () => null,
  configChanged: () => undefined,
  asOf: () => undefined,
  saveCarried: () => Promise.resolve(),
  saveKeys: () => undefined,
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
  /** Signing keys that were found; default: none. */
  readonly foundKeys?: HeldKeys;
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
  /** The signing keys that this edge believes. */
  readonly keys: VerificationKeys;
  readonly stores: Readonly<Record<Lane, LaneStore>>;
  /** Set by whoever reports them upward. */
  onCarried: () => void = () => undefined;
  readonly #options: EdgeStateOptions;
  readonly #config: ConfigStore;
  readonly #checker = new BundleChecker();

  constructor(options: EdgeStateOptions) {
    const { tables, disk, distributor, log, rootPublicKey, onSecrets } = options;
    this.#options = options;
    this.tables = tables;
    this.disk = disk;
    this.carried = new CarriedRows({
      table: tables.carried,
      distributor,
      save: (denials) => disk.saveCarried(denials),
      kept: () => disk.kept('revoke'),
      inRows: (denial) => isInRows(tables.rows.revoke, denial),
      onBlocks: () => this.onCarried(),
    });
    this.keys = this.#heldKeys();
    const keys = {
      isWithdrawn: (keyId: string) => this.keys.isWithdrawn(keyId),
      withdraw: (gone: readonly SigningKey[]) => this.#withdraw(gone),
    };
    this.#config = new ConfigStore({
      rows: tables.config,
      keys,
      distributor,
      disk,
      rootPublicKey,
      onSecrets,
      check: (bundles) => this.#checker.check(bundles),
      recheck: checkBundles,
      log,
    });
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
    const { found, denials } = this.#options;
    const { position, proof, highest } = found[lane];
    return {
      lane,
      shards: lane === 'config' ? 1 : shardsPerLane,
      head: position,
      proof,
      mark: highest,
      digest: this.stores[lane].digest(),
      asOfMs: this.#asOfMs(lane),
      early: lane === 'revoke' ? denials.early.map(earlyFrame) : [],
    };
  }

  /** Puts what was found on the disk to use: this edge decides by it before anybody can be asked. */
  async restore(): Promise<void> {
    const { found, denials, distributor, tables } = this.#options;
    const head = found.revoke.position;
    this.carried.restore(denials, head);
    // Of an epoch that is over, or in the rows.
    if (head !== null && !this.carried.empty) await this.carried.arrived(head.epoch);
    for (const lane of lanes) {
      const { position } = found[lane];
      if (position === null) continue;
      tables.ages.set(lane, this.#asOfMs(lane) ?? Number.NEGATIVE_INFINITY);
      const arrival = { path: 'disk', arrivedAtMs: monotonicMs() } as const;
      if (lane === 'config') await this.#config.restore(position, arrival);
      else distributor.changed(lane, { ...arrival, lane, position, silent: false }, null);
    }
  }

  /** Whether the values of all secrets that the configuration refers to are in use. */
  secretsHere(here: boolean): void {
    this.#config.secretsHere(here);
  }

  /**
   * What of the lane's rows is refused now, also of those that were found on the disk; null: nothing.
   * Its position is that of the rows, and no bytes are named: nobody is to hold them back.
   */
  refusal(lane: Lane): NackMessage | null {
    const found = lane === 'config' ? this.#config.refusal() : null;
    if (found === null) return null;
    const { position, problem } = found;
    return { lane, position, ...problem, refusedSha256: new Uint8Array() };
  }

  /** To be called when there are other keys than before. */
  saveKeys(): void {
    this.disk.saveKeys(this.keys.keys(), this.keys.withdrawn());
  }

  /** The lane is known to be complete as of this instant of the monotonic clock. */
  asOf(lane: Lane, asOfMs: number): void {
    this.tables.ages.set(lane, asOfMs);
    this.disk.asOf(lane, this.#options.clock() - (monotonicMs() - asOfMs));
  }

  /** To be called when nothing comes any more. */
  async close(): Promise<void> {
    await this.#checker.close();
  }

  #withdraw(gone: readonly SigningKey[]): void {
    if (gone.length === 0) return;
    const nowMs = this.#options.clock();
    for (const key of gone) this.keys.withdraw(key, nowMs);
    this.#options.log.warn('state.keys_withdrawn', { keyIds: gone.map(({ keyId }) => keyId) });
    this.saveKeys();
  }

  #heldKeys(): VerificationKeys {
    const { rootPublicKey, foundKeys = noKeys, found, clock } = this.#options;
    const keys = new VerificationKeys(rootPublicKey);
    for (const key of foundKeys.withdrawn) keys.withdraw(key, clock());
    // Without the rows nobody can say what was withdrawn meanwhile; the next stream brings keys.
    const believed = found.config.position === null ? [] : foundKeys.believed;
    for (const key of believed) keys.add(key);
    return keys;
  }

  /** A clock that was set back makes a state as old as can be, never young. */
  #asOfMs(lane: Lane): number | null {
    const { asOfMs } = this.#options.found[lane];
    const nowMs = this.#options.clock();
    return asOfMs === null || asOfMs > nowMs ? null : monotonicMs() - (nowMs - asOfMs);
  }
}

function earlyFrame({ proof, body }: EarlyDenials): EarlyFrame {
  const { epoch, rev, bodySha256 } = proof;
  return { epoch, rev, sha256: hex(bodySha256), bytes: body.length, proof };
}
