import type { BlockKind } from '@sallyport/shared/state/model';
import { and, eq, inArray } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { blockInForce } from './revocations.ts';
import { revocations } from './schema/index.ts';

/** Which of these subjects are blocked. */
export async function findBlocked(
  db: Executor,
  kind: BlockKind,
  subjectIds: readonly string[],
  nowMs: number,
): Promise<ReadonlySet<string>> {
  if (subjectIds.length === 0) return new Set();
  const rows = await db
    .selectDistinct({ subjectId: revocations.subjectId })
    .from(revocations)
    .where(
      and(
        eq(revocations.target, kind),
        inArray(revocations.subjectId, [...subjectIds]),
        blockInForce(nowMs),
      ),
    );
  return new Set(rows.map(({ subjectId }) => subjectId));
}
