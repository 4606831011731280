import { rmSync } from 'node:fs';
import { type Lane, lanes } from '@sallyport/shared/state/model';
import { type RowLane, rowLanes } from '@sallyport/shared/state/tables/lane';
import { samePosition } from '@sallyport/shared/sync/position';
import { Background } from './background.ts';
import type { CarriedDisk } from './carried-disk.ts';
import { writeCheckpoint } from './checkpoint.ts';
import type { ConfigDisk } from './config-disk.ts';
import type { DiskHealth } from './disk-health.ts';
import type { DiskKeys } from './disk-keys.ts';
import { before, type Instant, type InstantClock } from './instants.ts';
import type { LaneDisk } from './lane-disk.ts';
import { makeDirectories } from './load.ts';
import { type LaneMark, type Marks, noMarks } from './marks.ts';
import type { MarksFile } from './marks-file.ts';
import type { DiskPaths } from './paths.ts';
import type { SmallFile } from './small-file.ts';

export interface DiskParts {
  readonly paths: DiskPaths;
  readonly keys: DiskKeys;
  readonly clock: InstantClock;
  readonly health: DiskHealth;
  readonly marks: MarksFile;
  readonly rows: Readonly<Record<RowLane, LaneDisk>>;
  readonly config: ConfigDisk;
  readonly carried: CarriedDisk;
  readonly keysFile: SmallFile;
  /** Without marks nothing was believed, and it must go before there are marks again. */
  readonly forget: boolean;
}

/** How far behind memory the disk may be in what a power cut would take. */
const syncDelayMs = 250;
/** An as-of alone is not worth a write each second. */
const asOfDelayMs = 5_000;
const closeMs = 5_000;
const settleRounds = 20;
const nothingKnown: LaneMark = { highest: null, asOf: null };

/** Brings to the disk, in the background, what is not written on the spot. */
export class DiskWriter {
  readonly #parts: DiskParts;
  readonly #sync: Background;
  readonly #checkpoints: Background;
  readonly #asOf = new Map<Lane, Instant>();
  #prepared = false;
  #checkpointsTotal = 0;

  constructor(parts: DiskParts) {
    this.#parts = parts;
    const { health } = parts;
    this.#sync = new Background(
      () => this.#syncPass(),
      (error) => health.failed('sync', error),
    );
    this.#checkpoints = new Background(
      () => this.#checkpointPass(),
      (error) => health.failed('checkpoint', error),
    );
  }

  get checkpointsTotal(): number {
    return this.#checkpointsTotal;
  }

  /** Something was written that is to survive a power cut. */
  wakeSync(): void {
    this.#sync.wake(syncDelayMs);
  }

  /** A lane can only be brought back by a checkpoint. */
  wakeCheckpoints(): void {
    this.#checkpoints.wake(0);
  }

  noteAsOf(lane: Lane, wallMs: number): void {
    // The first of a process soon: without one, a state counts as older than any budget.
    const delayMs = this.#asOf.has(lane) ? asOfDelayMs : syncDelayMs;
    // Rather older than younger, and never what no clock says.
    if (wallMs > 0 && Number.isFinite(wallMs)) {
      const now = this.#parts.clock();
      this.#asOf.set(lane, before(now, now.wallMs - wallMs));
    }
    this.#sync.wake(delayMs);
  }

  /** Resolves when all is on disk that was asked for, or the disk has failed. */
  async settled(): Promise<void> {
    const { health } = this.#parts;
    for (let round = 0; round < settleRounds; round += 1) {
      const errors = health.errorsTotal;
      if (this.#laneWaiting()) await this.#checkpoints.now();
      await this.#sync.now();
      if (health.errorsTotal > errors || !this.#laneWaiting()) return;
    }
  }

  /** Writes what is left, within a bound, and lets go of the files. */
  async close(): Promise<void> {
    const { rows, carried, marks, health } = this.#parts;
    const timer = new AbortController();
    const bound = new Promise<void>((resolve) => {
      setTimeout(resolve, closeMs).unref();
      timer.signal.addEventListener('abort', () => resolve());
    });
    const whole = Object.values(rows).every(({ whole, position }) => whole || position === null);
    if (!whole && health.failing === null) await Promise.race([this.settled(), bound]);
    for (const lane of rowLanes) rows[lane].abandon();
    await Promise.race([this.#checkpoints.stop(), bound]);
    await Promise.race([this.#sync.now(), bound]);
    await Promise.race([this.#sync.stop(), bound]);
    // What was to stay in it until the rows were on disk.
    await Promise.race([carried.file.flush().catch(() => undefined), bound]);
    timer.abort();
    for (const lane of rowLanes) await rows[lane].close();
    await marks.close();
  }

  #laneWaiting(): boolean {
    return rowLanes.some((lane) => this.#parts.rows[lane].wantsCheckpoint);
  }

  /** Everything is tried, whatever failed before it; the first failure is what it rejects with. */
  async #syncPass(): Promise<void> {
    this.#prepare();
    const { rows, keysFile, carried, config, health } = this.#parts;
    const failures: unknown[] = [];
    const attempt = (work: Promise<void>) => work.catch((error) => void failures.push(error));
    for (const file of [keysFile, carried.file, config.file]) await attempt(file.flush());
    // What is noted from here on may not be on disk when the marks are.
    const raised = this.#marksNow();
    for (const lane of rowLanes) await attempt(rows[lane].sync());
    await attempt(failures.length === 0 ? this.#raise(raised) : this.#raise(this.#marksNow()));
    if (this.#laneWaiting()) this.wakeCheckpoints();
    if (failures.length > 0) throw failures[0];
    const whole = rowLanes.every((lane) => rows[lane].whole || rows[lane].position === null);
    if (whole && !this.#checkpoints.failed) health.recovered();
  }

  async #checkpointPass(): Promise<void> {
    this.#prepare();
    const { rows, keys, carried, marks } = this.#parts;
    // Without any marks no state is believed.
    if (marks.marks.sequence === 0) await marks.raise(noMarks);
    for (const lane of rowLanes) {
      if (!rows[lane].wantsCheckpoint) continue;
      // A new state must not be on disk without the denials that were carried into it.
      const done = await writeCheckpoint(rows[lane], keys, () => carried.file.flush());
      if (done) this.#checkpointsTotal += 1;
      else this.wakeCheckpoints();
    }
    this.#sync.wake(0);
  }

  /** Throws what the disk says. */
  #prepare(): void {
    if (this.#prepared) return;
    const { paths, forget } = this.#parts;
    makeDirectories(paths);
    if (forget) {
      const indexes = rowLanes.map((lane) => paths.lane(lane).index);
      for (const path of [...indexes, paths.small('config'), paths.small('carried')]) {
        rmSync(path, { force: true });
      }
    }
    this.#prepared = true;
  }

  /**
   * The marks as far as the files can bring the state back. While the disk fails they go as far as
   * memory instead: a state without what was enforced since must not be served after a restart.
   */
  #marksNow(): Omit<Marks, 'sequence'> {
    const { rows, config, carried, health } = this.#parts;
    const failing = health.failing !== null;
    const markOf = (lane: Lane): LaneMark => {
      const { position, whole } = lane === 'config' ? config : rows[lane];
      if (whole) return { highest: position, asOf: this.#asOf.get(lane) ?? null };
      return failing ? { highest: position, asOf: null } : nothingKnown;
    };
    return {
      lanes: {
        revoke: markOf('revoke'),
        signals: markOf('signals'),
        config: markOf('config'),
        directory: markOf('directory'),
      },
      carried: carried.file.dirty && !failing ? carried.sequenceWritten : carried.sequence,
    };
  }

  async #raise(by: Omit<Marks, 'sequence'>): Promise<void> {
    const { marks } = this.#parts.marks;
    const same = lanes.every((lane) => {
      const { highest, asOf } = by.lanes[lane];
      const held = marks.lanes[lane];
      return (
        (highest === null || samePosition(highest, held.highest)) &&
        (asOf === null || asOf === held.asOf)
      );
    });
    if (same && by.carried <= marks.carried && marks.sequence > 0) return;
    await this.#parts.marks.raise(by);
  }
}
