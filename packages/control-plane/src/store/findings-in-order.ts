import { and, asc, gt, lte, max } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { type FindingView, selectViews } from './findings.ts';
import { findings } from './schema/index.ts';

/**
 * Findings after one and up to another by `seq`, in the order in which they were raised. One that is
 * found again, or dismissed, stays where it was.
 */
export async function listFindingsAfter(
  db: Executor,
  afterSeq: number,
  upToSeq: number,
  limit: number,
): Promise<FindingView[]> {
  return selectViews(db)
    .where(and(gt(findings.seq, afterSeq), lte(findings.seq, upToSeq)))
    .orderBy(asc(findings.seq))
    .limit(limit);
}

/**
 * The `seq` of the finding that was raised last; 0: there is none. Writers take turns until their
 * transactions end (`holdFindings`), so nothing appears before it any more.
 */
export async function newestFindingSeq(db: Executor): Promise<number> {
  const [row] = await db.select({ seq: max(findings.seq) }).from(findings);
  return row?.seq ?? 0;
}
