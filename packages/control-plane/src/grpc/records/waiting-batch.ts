import type { ReceivedRecord } from '../../store/records/received.ts';
import { RecordRows } from '../../store/records/record-rows.ts';

/** What became of a batch, or of a part of it. */
export interface Stored {
  /** Records that were there already, and are there once. */
  readonly known: ReadonlySet<ReceivedRecord>;
  /** Records that the database does not take. */
  readonly unstorable: number;
}

/** How much is written at once. */
export interface Bound {
  readonly records: number;
  readonly bytes: number;
}

/** Who waits for a batch. */
export interface Waiter {
  readonly stored: (stored: Stored) => void;
  /** `already`: records of it that are stored all the same, and were not there before. */
  readonly failed: (error: unknown, already: readonly ReceivedRecord[]) => void;
}

/** A batch that waits to be stored: at once, or in parts where it is larger than a bound. */
export class WaitingBatch {
  readonly rows: RecordRows;
  readonly #waiter: Waiter;
  readonly #known = new Set<ReceivedRecord>();
  #unstorable = 0;
  /** Records that were taken, and that are stored. */
  #taken = 0;
  #stored = 0;

  constructor(rows: RecordRows, waiter: Waiter) {
    this.rows = rows;
    this.#waiter = waiter;
  }

  /** Whether all of it was taken. */
  get isTaken(): boolean {
    return this.#taken === this.rows.records.length;
  }

  /** Whether what is left of it is within a bound. */
  fits(bound: Bound): boolean {
    return this.rows.endWithin(this.#taken, bound) === this.rows.records.length;
  }

  /** What is left of it, as far as it is within a bound; one record at the least. */
  take(bound: Bound): RecordRows {
    const { edgeId, records } = this.rows;
    const start = this.#taken;
    this.#taken = Math.max(start + 1, this.rows.endWithin(start, bound));
    if (start === 0 && this.isTaken) return this.rows;
    return RecordRows.of(edgeId, records.slice(start, this.#taken));
  }

  /** What was taken last is stored. */
  stored({ known, unstorable }: Stored): void {
    for (const record of known) this.#known.add(record);
    this.#unstorable += unstorable;
    this.#stored = this.#taken;
    if (this.isTaken) this.#waiter.stored({ known: this.#known, unstorable: this.#unstorable });
  }

  /** What was taken last is not stored, and the rest will not be. */
  failed(error: unknown): void {
    const before = this.rows.records.slice(0, this.#stored);
    this.#waiter.failed(
      error,
      before.filter((record) => !this.#known.has(record)),
    );
  }
}
