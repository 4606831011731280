import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '@sallyport/shared/log';
import type { Deliver } from './collector.ts';
import { exportRequest, type Span } from './span.ts';

const waitingMax = 4_096;
const batchMax = 512;
const lingerMs = 1_000;
const triesMax = 3;
const firstPauseMs = 1_000;

export interface SpanExporterOptions {
  readonly deliver: Deliver;
  readonly edge: string;
  readonly region: string;
  readonly log: Log;
  /** Before a batch is tried again; twice as long the next time. */
  readonly pauseMs?: number;
}

/** What became of spans. */
export interface SpanCounts {
  readonly exported: number;
  /** There was no room for them, or no collector in time. */
  readonly lost: number;
  /** The collector did not want them. */
  readonly refused: number;
}

/**
 * Sends spans to a collector, batch by batch. Nothing waits for it: where more come than it takes,
 * those that find no room are lost and counted.
 */
export class SpanExporter {
  readonly #options: SpanExporterOptions;
  readonly #stopping = new AbortController();
  readonly #counts = { exported: 0, lost: 0, refused: 0 };
  #waiting: Span[] = [];
  #timer: NodeJS.Timeout | null = null;
  #sending: Promise<void> | null = null;
  #failing = false;

  constructor(options: SpanExporterOptions) {
    this.#options = options;
  }

  get counts(): SpanCounts {
    return this.#counts;
  }

  /** Never waits and never throws. */
  push(span: Span): void {
    if (this.#waiting.length >= waitingMax) {
      this.#counts.lost += 1;
      return;
    }
    this.#waiting.push(span);
    if (this.#waiting.length >= batchMax) this.#send();
    else this.#timer ??= setTimeout(() => this.#send(), lingerMs).unref();
  }

  /** Tries to get rid of what waits, for so long at the most; the rest is lost. */
  async stop(waitMs: number): Promise<void> {
    this.#send();
    const late = sleep(waitMs, undefined, { ref: false });
    await Promise.race([this.#sending, late]);
    this.#stopping.abort();
    await this.#sending;
    this.#counts.lost += this.#waiting.length;
    this.#waiting = [];
  }

  #send(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#stopping.signal.aborted) return;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = null;
    });
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0 && !this.#stopping.signal.aborted) {
      const batch = this.#waiting.slice(0, batchMax);
      this.#waiting = this.#waiting.slice(batchMax);
      await this.#sendBatch(batch);
    }
  }

  async #sendBatch(batch: readonly Span[]): Promise<void> {
    const { deliver, edge, region, pauseMs = firstPauseMs } = this.#options;
    const { signal } = this.#stopping;
    const body = exportRequest(batch, edge, region);
    for (let tries = 1; ; tries += 1) {
      const delivery = await deliver(body, signal);
      if (delivery.kind === 'taken') {
        const rejected = Math.min(delivery.rejected, batch.length);
        this.#counts.refused += rejected;
        this.#counts.exported += batch.length - rejected;
        this.#tell(null);
        return;
      }
      this.#tell(delivery.problem);
      if (delivery.kind === 'refused') {
        this.#counts.refused += batch.length;
        return;
      }
      if (tries >= triesMax || signal.aborted) {
        this.#counts.lost += batch.length;
        return;
      }
      await sleep(pauseMs * 2 ** (tries - 1), undefined, { signal }).catch(() => undefined);
    }
  }

  /** Once when it begins to fail, and once when that is over. */
  #tell(problem: string | null): void {
    if (this.#stopping.signal.aborted || this.#failing === (problem !== null)) return;
    this.#failing = problem !== null;
    if (problem === null) this.#options.log.info('spans.taken_again');
    else this.#options.log.warn('spans.not_taken', { problem });
  }
}
