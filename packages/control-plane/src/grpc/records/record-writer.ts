import { SallyportError } from '@sallyport/shared/errors';
import type { Database } from '../../store/database.ts';
import type { ReceivedRecord } from '../../store/records/received.ts';
import { RecordRows } from '../../store/records/record-rows.ts';
import { storeRecords } from '../../store/records/store-records.ts';
import { type Part, RecordTurns } from './record-turns.ts';
import { type Stored, WaitingBatch } from './waiting-batch.ts';

/**
 * Of one transaction. Few enough that those of other streams are read meanwhile: what waits for all
 * of them would leave the database idle while it is read, and the other way round.
 */
const most = { records: 2_000, bytes: 16 * 1024 * 1024 };
const least = { records: 250, bytes: 256 * 1024 };
/** More with each transaction that succeeds. */
const more = { records: 100, bytes: 1024 * 1024 };

/**
 * Writes the batches of all edges that wait at the same time in one transaction: with many edges a
 * transaction for each would be mostly waiting. A stream has few batches under way, so the queue is
 * bounded by the streams.
 */
export class RecordWriter {
  readonly #database: Database;
  readonly #turns = new RecordTurns();
  #writing = false;
  /** Less where the database was too slow for more, and then more again. */
  #bound = most;

  constructor(database: Database) {
    this.#database = database;
  }

  /**
   * Resolves when the records are durable. Batches of an edge are stored in the order in which they
   * come here. Where this rejects, `partly` was told of the records that are stored all the same.
   */
  store(
    rows: RecordRows,
    partly: (already: readonly ReceivedRecord[]) => void = () => undefined,
  ): Promise<Stored> {
    if (rows.records.length === 0) return Promise.resolve({ known: new Set(), unstorable: 0 });
    return new Promise((stored, reject) => {
      const failed = (error: unknown, already: readonly ReceivedRecord[]): void => {
        partly(already);
        reject(error as Error);
      };
      this.#turns.push(new WaitingBatch(rows, { stored, failed }));
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (!this.#turns.isEmpty) await this.#write(this.#turns.next(this.#bound));
    this.#writing = false;
  }

  /** What one edge sent must not keep back what others did. */
  async #write(parts: readonly Part[]): Promise<void> {
    try {
      const known = await storeRecords(
        this.#database,
        parts.map(({ rows }) => rows),
      );
      const { records, bytes } = this.#bound;
      this.#bound = {
        records: Math.min(most.records, records + more.records),
        bytes: Math.min(most.bytes, bytes + more.bytes),
      };
      for (const { batch, rows } of parts) {
        const own = rows.records.filter((record) => known.has(record));
        batch.stored({ known: new Set(own), unstorable: 0 });
      }
    } catch (error) {
      const [alone] = parts;
      if (parts.length > 1 && isData(error)) {
        for (const one of parts) await this.#write([one]);
      } else if (alone !== undefined && isData(error)) {
        await storeParts(this.#database, alone.rows).then(
          (stored) => alone.batch.stored(stored),
          (failure: unknown) => this.#failed([alone], failure),
        );
      } else {
        this.#shrink(parts);
        this.#failed(parts, error);
      }
    }
  }

  #failed(parts: readonly Part[], error: unknown): void {
    for (const { batch } of parts) {
      this.#turns.drop(batch);
      batch.failed(error);
    }
  }

  /** Half of what was too much, whether that is of its records or of their size. */
  #shrink(parts: readonly Part[]): void {
    const sum = (of: (rows: RecordRows) => number): number =>
      parts.reduce((all, { rows }) => all + of(rows), 0);
    const records = Math.min(
      this.#bound.records,
      sum((rows) => rows.records.length),
    );
    const bytes = Math.min(
      this.#bound.bytes,
      sum((rows) => rows.bytes),
    );
    this.#bound = {
      records: Math.max(least.records, Math.floor(records / 2)),
      bytes: Math.max(least.bytes, Math.floor(bytes / 2)),
    };
  }
}

/** Stores all but the records that the database does not take. */
async function storeParts(database: Database, rows: RecordRows): Promise<Stored> {
  try {
    return { known: await storeRecords(database, [rows]), unstorable: 0 };
  } catch (error) {
    if (!isData(error)) throw error;
    const { edgeId, records } = rows;
    if (records.length === 1) return { known: new Set(), unstorable: 1 };
    const middle = records.length >> 1;
    const first = await storeParts(database, RecordRows.of(edgeId, records.slice(0, middle)));
    const rest = await storeParts(database, RecordRows.of(edgeId, records.slice(middle)));
    return {
      known: new Set([...first.known, ...rest.known]),
      unstorable: first.unstorable + rest.unstorable,
    };
  }
}

/** The database has an answer, and it is about the values. */
function isData(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'invalid_request';
}
