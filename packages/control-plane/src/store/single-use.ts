import type { Executor } from './database.ts';
import { singleUse } from './schema/index.ts';

/**
 * Marks a value as used; true only for the first caller, also among transactions at the same time:
 * the second waits for the first to end.
 */
export async function useOnce(
  db: Executor,
  purpose: 'sign-in-state' | 'hand-over',
  value: string,
  expiresAtMs: number,
): Promise<boolean> {
  const inserted = await db
    .insert(singleUse)
    .values({ purpose, value, expiresAtMs })
    .onConflictDoNothing()
    .returning({ value: singleUse.value });
  return inserted.length > 0;
}
