import { and, asc, desc, eq, gt, lt, lte, max } from 'drizzle-orm';
import type { Executor } from './database.ts';
import type { PageRequest } from './paging.ts';
import { adminAudit } from './schema/index.ts';

export type AuditRow = typeof adminAudit.$inferSelect;

export interface AuditFilter {
  readonly resource?: string;
  readonly resourceId?: string;
  /** Token id, edge id or name of a job. */
  readonly actor?: string;
}

/** Writes, newest first; the cursor's instant is a row's id. */
export async function listAudit(
  db: Executor,
  filter: AuditFilter,
  page: PageRequest,
): Promise<AuditRow[]> {
  const { resource, resourceId, actor } = filter;
  return db
    .select()
    .from(adminAudit)
    .where(
      and(
        resource === undefined ? undefined : eq(adminAudit.resource, resource),
        resourceId === undefined ? undefined : eq(adminAudit.resourceId, resourceId),
        actor === undefined ? undefined : eq(adminAudit.actorId, actor),
        page.after === null ? undefined : lt(adminAudit.id, page.after[0]),
      ),
    )
    .orderBy(desc(adminAudit.id))
    .limit(page.limit + 1);
}

/** Writes after `afterId` and up to `upToId`, oldest first. */
export async function listAuditAfter(
  db: Executor,
  afterId: number,
  upToId: number,
  limit: number,
): Promise<AuditRow[]> {
  return db
    .select()
    .from(adminAudit)
    .where(and(gt(adminAudit.id, afterId), lte(adminAudit.id, upToId)))
    .orderBy(asc(adminAudit.id))
    .limit(limit);
}

/** The id of the newest write up to an id; 0: there is none. */
export async function newestAuditId(db: Executor, upToId: number): Promise<number> {
  const [row] = await db
    .select({ id: max(adminAudit.id) })
    .from(adminAudit)
    .where(lte(adminAudit.id, upToId));
  return row?.id ?? 0;
}
