import type { Log } from '@sallyport/shared/log';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { comparePositions } from '@sallyport/shared/sync/position';
import type { Revision } from '../../store/log-connection.ts';
import type { Slices } from '../slices.ts';
import type { BuiltImage } from './build.ts';
import { applyBody, type LaneImage } from './lane-image.ts';

/** Where an image finds the revisions that follow its position. */
export interface ImageSource {
  /** How far this replica has read the lane. */
  head(): Position | null;
  /** null: not there yet; `gone`: not in memory any more. */
  revisionAfter(position: Position): Revision | null | 'gone';
  /** From the database's log; empty where it does not reach back so far. */
  revisionsAfter(position: Position): Promise<readonly Revision[]>;
}

export interface ImageKeeperParts {
  readonly lane: Lane;
  readonly source: ImageSource;
  readonly build: () => Promise<BuiltImage>;
  readonly slices: Slices;
  readonly log: Log;
}

/** Somebody who needs the image as of a position or later. */
interface Waiter {
  readonly wanted: Position;
  readonly settle: (reached: boolean) => void;
}

const retryMs = 1_000;

/**
 * Keeps one lane's image: builds it from the database, then follows the ring, which it may lag. Like
 * a stream it has a position and no queue. A jump of the lane's history builds it anew.
 */
export class ImageKeeper {
  readonly lane: Lane;
  readonly #parts: ImageKeeperParts;
  #current: { readonly image: LaneImage; position: Position } | null = null;
  /** Rises with each jump: what was begun before is void. */
  #history = 0;
  #running = false;
  #held = 0;
  #stopped = false;
  #retry: NodeJS.Timeout | null = null;
  readonly #waiters = new Set<Waiter>();

  constructor(parts: ImageKeeperParts) {
    this.lane = parts.lane;
    this.#parts = parts;
  }

  /** The lane's history jumped, or is known for the first time. */
  reset(): void {
    this.#history += 1;
    this.#current = null;
    this.wake();
  }

  /** There may be more to take in. */
  wake(): void {
    if (this.#running || this.#stopped || this.#held > 0) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
    });
  }

  /** Digest of the rows and the position they are at; null: there is no whole image now. */
  digest(): { readonly digest: Uint8Array; readonly position: Position } | null {
    if (this.#current === null) return null;
    return { digest: this.#current.image.digest(), position: this.#current.position };
  }

  /** null: there is no whole image now. */
  position(): Position | null {
    return this.#current?.position ?? null;
  }

  /** Resolves when the image is at the position or beyond; false: not in time, or at `stop`. */
  async reached(wanted: Position, timeoutMs: number): Promise<boolean> {
    if (this.#isAt(wanted)) return true;
    if (this.#stopped) return false;
    const { promise, resolve: settle } = Promise.withResolvers<boolean>();
    const waiter: Waiter = { wanted, settle };
    const timeout = setTimeout(() => settle(false), timeoutMs);
    this.#waiters.add(waiter);
    try {
      return await promise;
    } finally {
      clearTimeout(timeout);
      this.#waiters.delete(waiter);
    }
  }

  rows(): number {
    return this.#current?.image.rows() ?? 0;
  }

  /**
   * Runs `work` on the image while it stands still at its position; revisions wait for that, edges
   * do not. null: there is no whole image, or it was void before the work was done.
   */
  async hold<T>(work: (image: LaneImage, position: Position) => Promise<T>): Promise<T | null> {
    const current = this.#current;
    if (current === null) return null;
    const history = this.#history;
    this.#held += 1;
    try {
      const result = await work(current.image, current.position);
      return history === this.#history ? result : null;
    } finally {
      this.#held -= 1;
      this.wake();
    }
  }

  stop(): void {
    this.#stopped = true;
    if (this.#retry !== null) clearTimeout(this.#retry);
    for (const { settle } of this.#waiters) settle(false);
  }

  async #run(): Promise<void> {
    const { slices, log } = this.#parts;
    try {
      while (!this.#stopped && this.#held === 0 && (await this.#step())) await slices.turn();
    } catch (error) {
      log.warn('publish.image_failed', { lane: this.lane, error });
      this.#later();
    }
  }

  /** One revision further. False: there is nothing more to do now. */
  async #step(): Promise<boolean> {
    const { source } = this.#parts;
    const head = source.head();
    if (head === null) return false;
    if (this.#current === null) return this.#build();
    const { position } = this.#current;
    if (head.epoch < position.epoch) return false;
    if (head.epoch === position.epoch && head.rev <= position.rev) return false;
    const next = source.revisionAfter(position);
    if (next === null) return false;
    if (next !== 'gone') {
      this.#take(next);
      return true;
    }
    const history = this.#history;
    const revisions = await source.revisionsAfter(position);
    if (history !== this.#history || this.#held > 0) return true;
    if (revisions.length === 0) this.#current = null;
    for (const revision of revisions) this.#take(revision);
    return true;
  }

  async #build(): Promise<boolean> {
    const { build, log } = this.#parts;
    const history = this.#history;
    const startedAtMs = performance.now();
    const { image, position } = await build();
    if (history !== this.#history || this.#stopped) return true;
    this.#current = { image, position };
    const tookMs = Math.round(performance.now() - startedAtMs);
    log.info('publish.image_built', { lane: this.lane, position, rows: image.rows(), tookMs });
    this.#wakeWaiters();
    return true;
  }

  /** Also of a later epoch: whoever waits takes the whole state. */
  #isAt(wanted: Position): boolean {
    return this.#current !== null && comparePositions(this.#current.position, wanted) >= 0;
  }

  #wakeWaiters(): void {
    for (const { wanted, settle } of this.#waiters) if (this.#isAt(wanted)) settle(true);
  }

  #take({ epoch, rev, body }: Revision): void {
    if (this.#current === null) return;
    const { image } = this.#current;
    try {
      applyBody(image, body);
    } catch (error) {
      // Half of a revision may be in it.
      this.#current = null;
      throw error;
    }
    this.#current.position = { epoch, rev };
    this.#wakeWaiters();
  }

  #later(): void {
    if (this.#retry !== null || this.#stopped) return;
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.wake();
    }, retryMs);
  }
}
