import { and, desc, eq, lt } from 'drizzle-orm';
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
