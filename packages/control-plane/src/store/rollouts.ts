import { and, eq, isNull } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { rollouts } from './schema/index.ts';

export type RolloutRow = typeof rollouts.$inferSelect;

export async function insertRollout(db: Executor, row: RolloutRow): Promise<void> {
  await db.insert(rollouts).values(row);
}

export async function findRollout(db: Executor, id: string): Promise<RolloutRow | null> {
  const [row] = await db.select().from(rollouts).where(eq(rollouts.id, id));
  return row ?? null;
}

/** The rollout that is under way, paused or not; there is one at the most. */
export async function findActiveRollout(db: Executor): Promise<RolloutRow | null> {
  const [row] = await db.select().from(rollouts).where(isNull(rollouts.endedAtMs));
  return row ?? null;
}

/** Rollouts, newest first. */
export async function listRollouts(db: Executor, page: PageRequest): Promise<RolloutRow[]> {
  return db
    .select()
    .from(rollouts)
    .where(afterCursor(page, rollouts.startedAtMs, rollouts.id))
    .orderBy(...newestFirst(rollouts.startedAtMs, rollouts.id))
    .limit(page.limit + 1);
}

/** Changes a rollout. What moves it is under `holdConfiguration`. */
export async function updateRollout(
  db: Executor,
  id: string,
  change: Partial<RolloutRow>,
): Promise<RolloutRow> {
  const [row] = await db.update(rollouts).set(change).where(eq(rollouts.id, id)).returning();
  if (row === undefined) throw new Error(`rollout ${id} is gone`);
  return row;
}

/**
 * Notes what was seen at a rollout's stage and what is waited for, unless somebody has moved, paused
 * or resumed it since `seen` was read.
 */
export async function noteProgress(
  db: Executor,
  seen: RolloutRow,
  change: Pick<RolloutRow, 'decisions' | 'waiting' | 'stageReleasedAtMs' | 'stageEnforcedAtMs'>,
): Promise<void> {
  await db
    .update(rollouts)
    .set(change)
    .where(
      and(
        eq(rollouts.id, seen.id),
        eq(rollouts.stage, seen.stage),
        eq(rollouts.state, seen.state),
        isNull(rollouts.endedAtMs),
      ),
    );
}
