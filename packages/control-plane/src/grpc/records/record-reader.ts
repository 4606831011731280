import { setImmediate } from 'node:timers/promises';
import { RecordRows } from '../../store/records/record-rows.ts';
import { readRecord } from './read-record.ts';

/** So many are read before others have a turn: the database waits for our next word meanwhile. */
const recordsAtOnce = 16;

/** Reads the records of batches. Never fails: what cannot be read is left out. */
export class RecordReader {
  #last: Promise<unknown> = Promise.resolve();

  /** One batch after the other, so that the first is there to be stored while the next is read. */
  read(edgeId: string, lines: readonly Uint8Array[]): Promise<RecordRows> {
    const rows = this.#last.then(() => readRows(edgeId, lines));
    this.#last = rows.catch(() => undefined);
    return rows;
  }
}

async function readRows(edgeId: string, lines: readonly Uint8Array[]): Promise<RecordRows> {
  const bytes = lines.reduce((sum, line) => sum + line.length, 0);
  const rows = new RecordRows(edgeId, lines.length, bytes);
  for (const [at, line] of lines.entries()) {
    if (at > 0 && at % recordsAtOnce === 0) await setImmediate();
    const record = readRecord(line, edgeId);
    if (record !== null) rows.add(record);
  }
  return rows;
}
