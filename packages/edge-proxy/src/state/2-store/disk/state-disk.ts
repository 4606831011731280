import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import type { Lane, Position, SigningKey } from '@sallyport/shared/state/model';
import { type RowLane, rowLanes } from '@sallyport/shared/state/tables/lane';
import type { FrameMessage, FrameProof } from '@sallyport/shared/sync/messages';
import { CarriedDisk } from './carried-disk.ts';
import { ConfigDisk } from './config-disk.ts';
import { DiskHealth } from './disk-health.ts';
import { deriveDiskKeys } from './disk-keys.ts';
import { type DiskLimits, defaultLimits } from './disk-limits.ts';
import type { DiskStatus, LaneDiskStatus } from './disk-status.ts';
import { type DiskParts, DiskWriter } from './disk-writer.ts';
import type { DiskProblemCode } from './file-format.ts';
import { encodeKeys } from './held-keys.ts';
import { type InstantClock, machineInstants } from './instants.ts';
import { LaneDisk, type Written } from './lane-disk.ts';
import { LaneJournal } from './lane-journal.ts';
import { loadState, makeDirectories } from './load.ts';
import { keysPlace } from './load-small.ts';
import type { CarriedOps, DiskProblem, LoadedState } from './loaded-state.ts';
import { noMarks } from './marks.ts';
import { MarksFile } from './marks-file.ts';
import { DiskPaths } from './paths.ts';
import { SmallFile } from './small-file.ts';

export interface StateDiskOptions {
  /** Of the edge; the state is in `state/` there. */
  readonly home: string;
  readonly edgeId: string;
  /** As pinned: raw, 32 bytes. */
  readonly rootPublicKey: Uint8Array;
  /** The edge's local key. */
  readonly key: SealKey;
  /** Wall time. */
  readonly nowMs: () => number;
  /** The same with the time since the boot; by default that of this machine. */
  readonly instants?: InstantClock;
  readonly log: Log;
  readonly limits?: DiskLimits;
}

const problemsLogged = 20;

/**
 * The last good state on the edge's disk. What is called here returns at once, but for the write of
 * one record; the rest is done in the background. A disk that fails is counted and reported, and
 * takes nothing from the state in memory.
 */
export class StateDisk {
  readonly #parts: DiskParts;
  readonly #writer: DiskWriter;
  readonly #problemsTotal: Partial<Record<DiskProblemCode, number>> = {};

  private constructor(parts: DiskParts, writer: DiskWriter, problems: readonly DiskProblem[]) {
    this.#parts = parts;
    this.#writer = writer;
    for (const { code } of problems) {
      this.#problemsTotal[code] = (this.#problemsTotal[code] ?? 0) + 1;
    }
  }

  /**
   * Reads what is there, in one go: for the start, before anything else runs. Never rejects for
   * what the files hold, nor for a disk that fails; then there is no state, and the problems say why.
   */
  static async open(
    options: StateDiskOptions,
  ): Promise<{ readonly disk: StateDisk; readonly loaded: LoadedState }> {
    const { home, edgeId, rootPublicKey, key, nowMs, log, limits = defaultLimits } = options;
    const { instants = machineInstants(nowMs) } = options;
    const paths = new DiskPaths(home);
    const keys = deriveDiskKeys(key, edgeId, rootPublicKey);
    const health = new DiskHealth(log, nowMs);
    try {
      makeDirectories(paths);
    } catch (error) {
      health.failed('open', error);
    }
    const { state, marks, carried, rowLanes: found } = loadState(paths, keys, instants());
    for (const problem of state.problems.slice(0, problemsLogged)) {
      log.warn('disk.refused', { ...problem });
    }
    // Set below; nothing wakes it before this function returns.
    let writer: DiskWriter | null = null;
    const createLane = (lane: RowLane): LaneDisk => {
      const { index, segments, nextSequence, shards } = found[lane];
      const { position, proof } = state.lanes[lane];
      const lanePaths = paths.lane(lane);
      const journal = new LaneJournal(
        { keys, paths: lanePaths, lane, bytesMax: limits.journalBytesMax },
        segments,
        nextSequence,
      );
      const onWork = () => writer?.wakeSync();
      const parts = { lane, paths: lanePaths, journal, shards, health, limits, onWork };
      return new LaneDisk(parts, { position, proof, index });
    };
    const parts: DiskParts = {
      paths,
      keys,
      clock: instants,
      health,
      marks: new MarksFile(paths.marks, keys, marks ?? noMarks),
      rows: {
        revoke: createLane('revoke'),
        signals: createLane('signals'),
        directory: createLane('directory'),
      },
      config: new ConfigDisk(
        paths.small('config'),
        keys,
        state.configRows,
        state.lanes.config.position,
      ),
      carried: new CarriedDisk(paths.small('carried'), keys, carried),
      keysFile: new SmallFile(paths.small('keys'), keysPlace, keys),
      forget: marks === null,
    };
    writer = new DiskWriter(parts);
    const disk = new StateDisk(parts, writer, state.problems);
    writer.wakeSync();
    return { disk, loaded: state };
  }

  /**
   * A frame of a row lane has been applied. The record is written when this returns; `pending`: it
   * counts with the checkpoint under way, `failed`: the disk does not take it. Call this,
   * `replaced` and `configChanged` in one go with the change of the rows: shards are encoded between
   * ticks, and must agree with the position.
   */
  append(frame: FrameMessage): Written {
    if (frame.lane === 'config') throw new TypeError('the config lane has no journal');
    return this.#parts.rows[frame.lane].append(frame);
  }

  /**
   * Whole shards have taken the place of rows. Resolves when the lane is on disk at this position or
   * a later one, or when the disk has failed; until then a restart gives the state of before.
   */
  async replaced(lane: RowLane, position: Position, proof: FrameProof | null): Promise<void> {
    if (lane === 'revoke') this.#parts.carried.putWhatIsLeft();
    this.#parts.rows[lane].replaced(position, proof);
    this.#writer.wakeCheckpoints();
    await this.pending(lane);
  }

  /** null: a restart gives what is in memory. Else resolves when it does, or the disk has failed. */
  pending(lane: RowLane): Promise<void> | null {
    return this.#parts.rows[lane].pending();
  }

  /**
   * null: the lane as it is in memory would outlive a power cut. Else resolves when it would, which
   * takes as long as the disk fails.
   */
  kept(lane: RowLane): Promise<void> | null {
    return this.#parts.rows[lane].kept();
  }

  /** The rows of the config lane, or its position, are other ones. */
  configChanged(position: Position, proof: FrameProof | null): void {
    this.#parts.config.changed(position, proof);
    this.#writer.wakeSync();
  }

  /** The lane, where it now stands, is complete as of this wall time. */
  asOf(lane: Lane, wallMs: number): void {
    this.#writer.noteAsOf(lane, wallMs);
  }

  /**
   * All keys that are held now, and those that were withdrawn. Called before the change of the rows
   * that withdraws one, it is on disk before that change is.
   */
  saveKeys(keys: readonly SigningKey[], withdrawn: readonly SigningKey[]): void {
    const position = { epoch: 0, rev: 0 };
    const body = [encodeKeys(keys, withdrawn)];
    this.#parts.keysFile.put(() => ({ position, sequence: 0, body }));
    this.#writer.wakeSync();
  }

  /**
   * All denials that hold without being part of the revoke lane's state. Resolves when they are on
   * disk, or when the disk has failed.
   */
  async saveCarried(ops: CarriedOps): Promise<void> {
    const { carried, health } = this.#parts;
    carried.put(ops);
    await carried.file.flush().catch((error: unknown) => health.failed('carried', error));
    this.#writer.wakeSync();
  }

  /** How the disk stands. */
  status(): DiskStatus {
    const { health, rows, config } = this.#parts;
    const lanes = rowLanes.map((lane): [Lane, LaneDiskStatus] => {
      const { stored, journalBytes, shards } = rows[lane];
      return [lane, { stored, journalBytes, dirtyShards: shards.dirtyCount() }];
    });
    const stored = config.storedPosition;
    const dirtyShards = config.file.dirty ? 1 : 0;
    lanes.push(['config', { stored, journalBytes: 0, dirtyShards }]);
    return {
      failing: health.failing,
      errorsTotal: health.errorsTotal,
      problemsTotal: this.#problemsTotal,
      checkpointsTotal: this.#writer.checkpointsTotal,
      lanes: Object.fromEntries(lanes) as DiskStatus['lanes'],
    };
  }

  /** Resolves when all is on disk that was asked for, or the disk has failed. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** Writes what is left, within 5 s, and lets go of the files. */
  close(): Promise<void> {
    return this.#writer.close();
  }
}
