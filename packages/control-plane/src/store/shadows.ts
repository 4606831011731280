import { and, asc, eq, isNotNull } from 'drizzle-orm';
import type { Executor } from './database.ts';
import type { ReleaseRow } from './releases.ts';
import { releases } from './schema/index.ts';

/** The rings that decide a second version besides. */
export async function listShadows(db: Executor): Promise<ReleaseRow[]> {
  return db
    .select()
    .from(releases)
    .where(isNotNull(releases.shadowVersion))
    .orderBy(asc(releases.ring));
}

export async function findRelease(db: Executor, ring: string): Promise<ReleaseRow | null> {
  const [row] = await db.select().from(releases).where(eq(releases.ring, ring));
  return row ?? null;
}

/** Sets what a ring decides besides; null: nothing. As part of `moveLane`. */
export async function putShadow(
  db: Executor,
  ring: string,
  shadowVersion: number | null,
): Promise<void> {
  await db
    .update(releases)
    .set({ shadowVersion })
    .where(and(eq(releases.ring, ring)));
}
