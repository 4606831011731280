import { and, eq, lt, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { exportCursors } from './schema/index.ts';

export type CursorRow = typeof exportCursors.$inferSelect;

/** Whose place in which kind of rows. */
export interface CursorName {
  readonly sink: string;
  readonly what: string;
}

/**
 * The cursor; one that is not there yet begins at the row that is the newest now, because what was
 * recorded before nobody asked for it is not sent.
 */
export async function openCursor(
  db: Executor,
  { sink, what }: CursorName,
  newest: () => Promise<number>,
  nowMs: number,
): Promise<CursorRow> {
  const known = await findCursor(db, { sink, what });
  if (known !== null) return known;
  const position = await newest();
  await db
    .insert(exportCursors)
    .values({ sink, what, position, known: position, missed: 0, updatedAtMs: nowMs })
    .onConflictDoNothing();
  const made = await findCursor(db, { sink, what });
  if (made === null) throw new Error('a cursor that was written is not there');
  return made;
}

async function findCursor(db: Executor, { sink, what }: CursorName): Promise<CursorRow | null> {
  const [row] = await db
    .select()
    .from(exportCursors)
    .where(and(eq(exportCursors.sink, sink), eq(exportCursors.what, what)));
  return row ?? null;
}

/** Moves a cursor on from where it was read; `missed`: rows among them that were gone. */
export async function moveCursor(
  db: Executor,
  from: CursorRow,
  position: number,
  missed: number,
  nowMs: number,
): Promise<void> {
  await db
    .update(exportCursors)
    .set({
      position,
      known: sql`greatest(${exportCursors.known}, ${position}::bigint)`,
      missed: sql`${exportCursors.missed} + ${missed}::bigint`,
      failingSinceMs: null,
      failure: null,
      updatedAtMs: nowMs,
    })
    .where(
      and(
        eq(exportCursors.sink, from.sink),
        eq(exportCursors.what, from.what),
        eq(exportCursors.position, from.position),
      ),
    );
}

/** Notes how far a kind of rows goes, for all who follow it. */
export async function noteNewest(
  db: Executor,
  sinks: readonly string[],
  what: string,
  newest: number,
  nowMs: number,
): Promise<void> {
  await db.execute(sql`
    update export_cursors
    set known = greatest(known, ${newest}::bigint), updated_at_ms = ${nowMs}::bigint
    where what = ${what} and sink = any(${sql.param([...sinks])}::text[])`);
}

/** Notes why the last attempt of a sink failed; null: it went well. */
export async function noteFailure(
  db: Executor,
  sink: string,
  failure: string | null,
  nowMs: number,
): Promise<void> {
  await db
    .update(exportCursors)
    .set(
      failure === null
        ? { failingSinceMs: null, failure }
        : { failingSinceMs: sql`coalesce(${exportCursors.failingSinceMs}, ${nowMs})`, failure },
    )
    .where(eq(exportCursors.sink, sink));
}

export async function listCursors(db: Executor): Promise<CursorRow[]> {
  return db.select().from(exportCursors).orderBy(exportCursors.sink, exportCursors.what).limit(500);
}

/** Forgets the cursors of sinks that no configuration has had since then. */
export async function forgetCursors(db: Executor, beforeMs: number): Promise<void> {
  await db.delete(exportCursors).where(lt(exportCursors.updatedAtMs, beforeMs));
}
