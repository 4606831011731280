import type { DeletedSignal, Signal, SignalSubject, StateOp } from '@sallyport/shared/state/model';
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
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
  await putSignals(db, [row]);
  return { op: 'signal', ...row };
}

/** The same for several, each of another subject or name, in one statement. */
export async function putSignals(db: Executor, rows: readonly SignalRow[]): Promise<Signal[]> {
  for (const { name, value } of rows) {
    if (!nameForm.test(name)) throw new RangeError(`${name} is not the name of a signal`);
    if (Buffer.byteLength(value) > valueBytesMax) {
      throw new RangeError(`the value of ${name} has more than ${valueBytesMax} bytes`);
    }
  }
  if (rows.length === 0) return [];
  await db
    .insert(signals)
    .values([...rows])
    .onConflictDoUpdate({
      target: [signals.subject, signals.subjectId, signals.name],
      set: {
        value: sql`excluded.value`,
        observedAtMs: sql`excluded.observed_at_ms`,
        expiresAtMs: sql`excluded.expires_at_ms`,
      },
    });
  return rows.map((row) => ({ op: 'signal', ...row }));
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

/** The signals of one name of these subjects. */
export async function findSignals(
  db: Executor,
  subject: SignalSubject,
  name: string,
  subjectIds: readonly string[],
): Promise<SignalRow[]> {
  const ids = inArray(signals.subjectId, [...subjectIds]);
  return db
    .select()
    .from(signals)
    .where(and(eq(signals.subject, subject), ids, eq(signals.name, name)));
}

/** Every signal of one subject. */
export async function signalsOf(
  db: Executor,
  subject: SignalSubject,
  subjectId: string,
): Promise<SignalRow[]> {
  return db
    .select()
    .from(signals)
    .where(and(eq(signals.subject, subject), eq(signals.subjectId, subjectId)))
    .orderBy(asc(signals.name));
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
