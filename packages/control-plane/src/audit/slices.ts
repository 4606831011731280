import { type IdRange, lateMs } from '../store/access-records.ts';
import { sqlStateOf } from '../store/failure.ts';
import { isIndexed, type RecordFilter } from '../store/records/filter.ts';
import { recordIdAt } from '../store/records/ids.ts';

/**
 * Questions go through the records from the newest on, in slices of time that grow while answers
 * come quickly: each statement is short, the whole has a bound, and where it is reached the answer
 * says how far it came.
 */

const hourMs = 3_600_000;
const firstMs = hourMs;
/** Where an index leads to the records, nearly nothing else is read. */
const firstIndexedMs = 24 * hourMs;
const growth = 4;
const shrink = 16;
const shortestMs = 1_000;
/** An answer that took longer does not let the next slice grow. */
const quickMs = 200;

/**
 * Parts of the ids below `highId` that can have what is asked for, newest first. Who asks for what was
 * before an instant need not look through all that came in since: only through what came in late.
 */
function partsOf({ fromMs, toMs }: RecordFilter, highId: number): IdRange[] {
  const low = recordIdAt(fromMs ?? 0);
  const split = toMs === undefined ? highId : Math.min(highId, recordIdAt(toMs + lateMs + 1));
  return [
    { low: Math.max(low, split), high: highId, late: true },
    { low, high: split },
  ].filter((part) => part.low < part.high);
}

export interface Walk {
  /** Ids from here on have been looked at. */
  readonly downTo: number;
  readonly complete: boolean;
}

/**
 * Reads slice by slice below `highId`, down to `lowId` at the least, until `read` says that it has
 * enough, there is no more, or it is `stopAtMs` (as by performance.now()). A statement that takes too
 * long is made again for less.
 */
export async function walkDown(
  filter: RecordFilter,
  { lowId, highId, stopAtMs }: { lowId: number; highId: number; stopAtMs: number },
  read: (slice: IdRange) => Promise<'enough' | 'more'>,
): Promise<Walk> {
  let lengthMs = isIndexed(filter) ? firstIndexedMs : firstMs;
  for (const part of partsOf(filter, highId)) {
    // The late ones are few, whenever they came.
    let high = part.high;
    const low = Math.max(part.low, lowId);
    while (high > low) {
      const from = part.late === true ? low : Math.max(low, high - recordIdAt(lengthMs));
      const startedAt = performance.now();
      try {
        if ((await read({ ...part, low: from, high })) === 'enough') {
          return { downTo: from, complete: true };
        }
      } catch (error) {
        if (!isTooSlow(error) || lengthMs <= shortestMs || performance.now() > stopAtMs)
          throw error;
        lengthMs = Math.max(shortestMs, lengthMs / shrink);
        continue;
      }
      high = from;
      const now = performance.now();
      if (now > stopAtMs) return { downTo: high, complete: high <= low };
      if (now - startedAt < quickMs) lengthMs *= growth;
    }
  }
  return { downTo: lowId, complete: true };
}

/** The statement timeout of the pool. */
function isTooSlow(error: unknown): boolean {
  return sqlStateOf(error) === '57014';
}
