import { SallyportError } from '@sallyport/shared/errors';
import type { Database } from '../../store/database.ts';
import type { ReceivedRecord } from '../../store/records/received.ts';
import { RecordRows } from '../../store/records/record-rows.ts';
import { storeRecords } from '../../store/records/store-records.ts';

/** What became of a batch. */
interface Stored {
  /** Records that were there already, and are there once. */
  readonly known: ReadonlySet<ReceivedRecord>;
  /** Records that the database does not take. */
  readonly unstorable: number;
}

interface Waiting {
  readonly rows: RecordRows;
  readonly stored: (stored: Stored) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Of one transaction. Few enough that those of other streams are read meanwhile: what waits for all
 * of them would leave the database idle while it is read, and the other way round.
 */
const recordsMax = 2_000;
const recordsMin = 250;
const bytesMax = 16 * 1024 * 1024;
/** More with each transaction that succeeds. */
const recordsMore = 100;

/**
 * Writes the batches of all edges that wait at the same time in one transaction: with many edges a
 * transaction for each would be mostly waiting. A stream has few batches under way, so the queue is
 * bounded by the streams.
 */
export class RecordWriter {
  readonly #database: Database;
  readonly #waiting: Waiting[] = [];
  #writing = false;
  /** Less where the database was too slow for more, and then more again. */
  #recordsMax = recordsMax;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Resolves when the records are durable. Batches are stored in the order in which they come here. */
  store(rows: RecordRows): Promise<Stored> {
    if (rows.records.length === 0) return Promise.resolve({ known: new Set(), unstorable: 0 });
    return new Promise((stored, failed) => {
      this.#waiting.push({ rows, stored, failed });
      if (!this.#writing) void this.#writeAll();
    });
  }

  async #writeAll(): Promise<void> {
    this.#writing = true;
    while (this.#waiting.length > 0) await this.#write(this.#next());
    this.#writing = false;
  }

  #next(): Waiting[] {
    let [records, bytes, batches] = [0, 0, 0];
    for (const { rows } of this.#waiting) {
      records += rows.records.length;
      bytes += rows.bytes;
      if (batches > 0 && (records > this.#recordsMax || bytes > bytesMax)) break;
      batches += 1;
    }
    return this.#waiting.splice(0, batches);
  }

  /** What one edge sent must not keep back what others did. */
  async #write(batches: readonly Waiting[]): Promise<void> {
    try {
      const known = await storeRecords(
        this.#database,
        batches.map(({ rows }) => rows),
      );
      this.#recordsMax = Math.min(recordsMax, this.#recordsMax + recordsMore);
      for (const { stored } of batches) stored({ known, unstorable: 0 });
    } catch (error) {
      const [alone] = batches;
      if (batches.length > 1 && isData(error)) {
        for (const one of batches) await this.#write([one]);
      } else if (alone !== undefined && isData(error)) {
        await storeParts(this.#database, alone.rows).then(alone.stored, alone.failed);
      } else {
        this.#recordsMax = Math.max(recordsMin, this.#recordsMax / 2);
        for (const { failed } of batches) failed(error);
      }
    }
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
