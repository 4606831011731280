import type { Log } from '@sallyport/shared/log';
import { codeOf } from './files.ts';

export interface DiskFailure {
  /** As the system names it, such as ENOSPC. */
  readonly code: string;
  readonly operation: string;
  /** Wall time. */
  readonly sinceMs: number;
}

/**
 * Whether the disk can be written. A disk that fails takes nothing away from the state in memory;
 * what is lost is what a restart would come back with, and this says so.
 */
export class DiskHealth {
  readonly #log: Log;
  readonly #nowMs: () => number;
  readonly #waiting = new Set<() => void>();
  #failing: DiskFailure | null = null;
  #errorsTotal = 0;

  constructor(log: Log, nowMs: () => number) {
    this.#log = log;
    this.#nowMs = nowMs;
  }

  get failing(): DiskFailure | null {
    return this.#failing;
  }

  /** Operations that failed since the process began. */
  get errorsTotal(): number {
    return this.#errorsTotal;
  }

  /** Counts a failure; the first one, and the first of another kind, are logged. */
  failed(operation: string, error: unknown): void {
    this.#errorsTotal += 1;
    const code = codeOf(error);
    const before = this.#failing;
    if (before === null || before.code !== code || before.operation !== operation) {
      this.#log.error('disk.failing', { operation, code, error });
    }
    this.#failing = { code, operation, sinceMs: before?.sinceMs ?? this.#nowMs() };
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Everything that was to be written has been. */
  recovered(): void {
    if (this.#failing === null) return;
    const failedForMs = Math.max(0, this.#nowMs() - this.#failing.sinceMs);
    this.#log.info('disk.recovered', { failedForMs, errors: this.#errorsTotal });
    this.#failing = null;
  }

  /** Calls `wake` at the next failure, or at once while the disk fails; forget it by what returns. */
  onFailure(wake: () => void): () => void {
    if (this.#failing !== null) wake();
    else this.#waiting.add(wake);
    return () => this.#waiting.delete(wake);
  }
}
