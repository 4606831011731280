import { SallyportError } from '@sallyport/shared/errors';
import type { Database } from '../../store/database.ts';
import { type EdgeRecords, storeRecords } from '../../store/records/store-records.ts';

interface Waiting extends EdgeRecords {
  readonly stored: (unstorable: number) => void;
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
 * transaction for each would be mostly waiting. One batch of each stream waits at the most, because
 * the next one is read when it is stored, so the queue is bounded by the streams.
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

  /** Resolves when the records are durable, with the number of those that cannot be stored. */
  store(batch: EdgeRecords): Promise<number> {
    if (batch.records.length === 0) return Promise.resolve(0);
    return new Promise((stored, failed) => {
      this.#waiting.push({ ...batch, stored, failed });
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
    for (const batch of this.#waiting) {
      records += batch.records.length;
      bytes += batch.records.reduce((sum, { json }) => sum + json.length, 0);
      if (batches > 0 && (records > this.#recordsMax || bytes > bytesMax)) break;
      batches += 1;
    }
    return this.#waiting.splice(0, batches);
  }

  /** What one edge sent must not keep back what others did. */
  async #write(batches: readonly Waiting[]): Promise<void> {
    try {
      await storeRecords(this.#database, batches);
      this.#recordsMax = Math.min(recordsMax, this.#recordsMax + recordsMore);
      for (const { stored } of batches) stored(0);
    } catch (error) {
      const [alone] = batches;
      if (batches.length > 1 && isData(error)) {
        for (const one of batches) await this.#write([one]);
      } else if (alone !== undefined && isData(error)) {
        await storeParts(this.#database, alone).then(alone.stored, alone.failed);
      } else {
        this.#recordsMax = Math.max(recordsMin, this.#recordsMax / 2);
        for (const { failed } of batches) failed(error);
      }
    }
  }
}

/** Stores all but the records that the database does not take, and says how many those are. */
async function storeParts(database: Database, batch: EdgeRecords): Promise<number> {
  try {
    await storeRecords(database, [batch]);
    return 0;
  } catch (error) {
    if (!isData(error)) throw error;
    const { edgeId, records } = batch;
    if (records.length === 1) return 1;
    const middle = records.length >> 1;
    const first = await storeParts(database, { edgeId, records: records.slice(0, middle) });
    return first + (await storeParts(database, { edgeId, records: records.slice(middle) }));
  }
}

/** The database has an answer, and it is about the values. */
function isData(error: unknown): boolean {
  return error instanceof SallyportError && error.code === 'invalid_request';
}
