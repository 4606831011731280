import type { DeletedSignal, Signal, StateOp } from '@sallyport/shared/state/model';
import { and, asc, eq, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { pageRows } from './pages.ts';
import { signals } from './schema/index.ts';

export type SignalRow = typeof signals.$inferSelect;

const nameForm = /^[a-z0-9-]{1,32}$/;
const valueBytesMax = 256;

/**
 * Notes a signal in the place of an earlier one of its name; the op goes to the `signals` lane.
 * Throws RangeError for one that the lane cannot carry.
 */
export async function putSignal(db: Executor, row: SignalRow): Promise<Signal> {
  if (!nameForm.test(row.name)) throw new RangeError(`${row.name} is not the name of a signal`);
  if (Buffer.byteLength(row.value) > valueBytesMax) {
    throw new RangeError(`the value of ${row.name} has more than ${valueBytesMax} bytes`);
  }
  await db
    .insert(signals)
    .values(row)
    .onConflictDoUpdate({
      target: [signals.subject, signals.subjectId, signals.name],
      set: {
        value: row.value,
        observedAtMs: row.observedAtMs,
        expiresAtMs: row.expiresAtMs,
      },
    });
  return { op: 'signal', ...row };
}

/** Takes a signal away; the op goes to the `signals` lane. null: there is none. */
export async function deleteSignal(
  db: Executor,
  { subject, subjectId, name }: Pick<SignalRow, 'subject' | 'subjectId' | 'name'>,
): Promise<DeletedSignal | null> {
  const [row] = await db
    .delete(signals)
    .where(
      and(eq(signals.subject, subject), eq(signals.subjectId, subjectId), eq(signals.name, name)),
    )
    .returning(signalKey);
  return row === undefined ? null : { op: 'deleted_signal', ...row };
}

const signalKey = { subject: signals.subject, subjectId: signals.subjectId, name: signals.name };

/** All rows of the `signals` lane as ops, in batches. */
export async function* signalState(db: Executor): AsyncGenerator<readonly StateOp[]> {
  let last: SignalRow | null = null;
  for (;;) {
    const rows: SignalRow[] = await db
      .select()
      .from(signals)
      .where(
        last === null
          ? undefined
          : sql`(${signals.subject}, ${signals.subjectId}, ${signals.name}) >
              (${last.subject}, ${last.subjectId}, ${last.name})`,
      )
      .orderBy(asc(signals.subject), asc(signals.subjectId), asc(signals.name))
      .limit(pageRows);
    if (rows.length > 0) yield rows.map((row) => ({ op: 'signal', ...row }));
    last = rows.at(-1) ?? null;
    if (last === null || rows.length < pageRows) return;
  }
}
