import type { Log } from '@sallyport/shared/log';
import { codeOf } from '../../../state/2-store/disk/files.ts';

type Work = 'read' | 'write' | 'sync' | 'marks';

const firstPauseMs = 500;
const pauseMsMax = 10_000;

interface Trouble {
  failures: number;
  /** As by performance.now(). */
  retryAtMs: number;
}

/** What fails on a disk is told once until it works again, and tried less and less often. */
export class SpoolHealth {
  readonly #log: Log;
  readonly #troubles = new Map<Work, Trouble>();

  constructor(log: Log) {
    this.#log = log;
  }

  get failing(): boolean {
    return this.#troubles.size > 0;
  }

  /** Whether it failed so lately that it is not tried again yet. */
  waiting(work: Work): boolean {
    const trouble = this.#troubles.get(work);
    return trouble !== undefined && performance.now() < trouble.retryAtMs;
  }

  /** Does the work; what the disk says against it stays here, and null comes of it. */
  async attempt<T>(work: Work, run: () => Promise<T>): Promise<T | null> {
    let result: T;
    try {
      result = await run();
    } catch (error) {
      this.#failed(work, error);
      return null;
    }
    if (this.#troubles.delete(work) && !this.failing) this.#log.info('records.spool_recovered');
    return result;
  }

  #failed(work: Work, error: unknown): void {
    const first = !this.failing;
    const failures = (this.#troubles.get(work)?.failures ?? 0) + 1;
    const pauseMs = Math.min(pauseMsMax, firstPauseMs * 2 ** Math.min(failures - 1, 16));
    this.#troubles.set(work, { failures, retryAtMs: performance.now() + pauseMs });
    if (first) this.#log.warn('records.spool_failing', { work, code: codeOf(error), error });
  }
}
