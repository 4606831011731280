import type { CursorRow } from '../store/export-cursors.ts';
import type { Read } from './parts.ts';
import type { ExportRow, RowSource } from './rows/row.ts';

/**
 * How many rows of a source wait for a sink. Where ids do not say it they are counted, each once:
 * what came since the last look is added, and what was sent is taken off.
 */
export class Backlog {
  readonly #between: RowSource['between'];
  #waiting = 0;
  /** Up to there they are counted. */
  #countedTo = 0;
  #position: number | null = null;

  constructor({ between }: Pick<RowSource, 'between'>) {
    this.#between = between;
  }

  /** Looks how many came. `position`: of the last row that was sent. */
  async count(read: Read, position: number, upToId: number): Promise<void> {
    const between = this.#between;
    if (between === null) return;
    // Another leader was on meanwhile, or there were more than were counted.
    if (this.#position !== position || this.#waiting === 0) {
      this.#waiting = 0;
      this.#countedTo = position;
      this.#position = position;
    }
    const from = this.#countedTo;
    if (upToId <= from) return;
    const came = await read((db) => between(db, from, upToId));
    // What was sent meanwhile may be among them: then it is looked again.
    if (this.#position !== position || this.#countedTo !== from) return;
    this.#waiting += came;
    this.#countedTo = upToId;
  }

  /** So many rows were sent, the last of this id. */
  took(rows: number, lastId: number): void {
    this.#position = lastId;
    this.#waiting = lastId >= this.#countedTo ? 0 : Math.max(0, this.#waiting - rows);
  }

  rows(position: number, newest: number): number {
    if (newest <= position) return 0;
    return this.#between === null ? newest - position : this.#waiting;
  }
}

/** Rows that nobody can send any more. */
export interface Missed {
  readonly missed: number;
  /** The last id that can have been one of them. */
  readonly endId: number;
}

/**
 * How many rows were removed before they were sent: those that were known to be there after the
 * cursor, where what is left begins later. Ids have holes that nobody filled, so a hole counts only
 * where everything before it is gone, too. Where ids count no rows, a gap counts as one.
 */
export async function missedRows(
  read: Read,
  source: RowSource,
  { position, known }: CursorRow,
  rows: readonly ExportRow[],
  upToId: number,
): Promise<Missed> {
  const none: Missed = { missed: 0, endId: position };
  const first = rows[0]?.position ?? Number.POSITIVE_INFINITY;
  if (known <= position || first === position + 1 || upToId < known) return none;
  const [oldest] = await read((db) => source.after(db, 0, upToId, 1));
  if (oldest !== undefined && oldest.position < first) return none;
  const endId = Math.min(first - 1, known);
  return { missed: source.between === null ? endId - position : 1, endId };
}
