import { newId } from '@sallyport/shared/ids';
import { and, asc, eq, inArray, min, notInArray, or, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, contains, newestFirst, type PageRequest } from './paging.ts';
import { groupMembers, groups, users } from './schema/index.ts';
import type { Identity, UserRow } from './users.ts';

export type GroupRow = typeof groups.$inferSelect;

/** Stands for an administrator's word, in the place of a provider's. */
const byAdministrator: Identity = { issuer: '', subject: '' };

/** Inserts a group. null: the name is taken. */
export async function insertGroup(
  db: Executor,
  group: { readonly name: string; readonly description: string },
  nowMs: number,
): Promise<GroupRow | null> {
  const [row] = await db
    .insert(groups)
    .values({ id: newId('grp'), ...group, createdAtMs: nowMs })
    .onConflictDoNothing({ target: groups.name })
    .returning();
  return row ?? null;
}

export async function findGroup(db: Executor, id: string): Promise<GroupRow | null> {
  const [row] = await db.select().from(groups).where(eq(groups.id, id));
  return row ?? null;
}

/** The group, locked, so that nobody joins it while it goes. null: there is none. */
export async function lockGroup(db: Executor, id: string): Promise<GroupRow | null> {
  const [row] = await db.select().from(groups).where(eq(groups.id, id)).for('update');
  return row ?? null;
}

export async function updateGroup(
  db: Executor,
  id: string,
  change: { readonly description: string },
): Promise<GroupRow | null> {
  const [row] = await db.update(groups).set(change).where(eq(groups.id, id)).returning();
  return row ?? null;
}

/** Deletes a group with its memberships. The caller has locked the members (`findMemberIds`). */
export async function deleteGroup(db: Executor, id: string): Promise<boolean> {
  const deleted = await db.delete(groups).where(eq(groups.id, id)).returning({ id: groups.id });
  return deleted.length > 0;
}

/** Ids of the members, sorted: the order in which they are locked. */
export async function findMemberIds(db: Executor, groupId: string): Promise<string[]> {
  const rows = await db
    .selectDistinct({ userId: groupMembers.userId })
    .from(groupMembers)
    .where(eq(groupMembers.groupId, groupId))
    .orderBy(asc(groupMembers.userId));
  return rows.map((row) => row.userId);
}

/** Adds a user by an administrator's word. The caller has locked the user and emits `userOps`. */
export async function addMember(
  db: Executor,
  groupId: string,
  userId: string,
  nowMs: number,
): Promise<void> {
  await db
    .insert(groupMembers)
    .values({ groupId, userId, ...byAdministrator, createdAtMs: nowMs })
    .onConflictDoNothing();
}

/**
 * Takes a user out of a group, whoever said so: a provider's claim may bring the membership back at
 * the next sign-in. False: the user was not in it.
 */
export async function removeMember(
  db: Executor,
  groupId: string,
  userId: string,
): Promise<boolean> {
  const removed = await db
    .delete(groupMembers)
    .where(and(eq(groupMembers.groupId, groupId), eq(groupMembers.userId, userId)))
    .returning({ userId: groupMembers.userId });
  return removed.length > 0;
}

/**
 * Makes an identity's memberships exactly those of its provider's claim; names not known yet become
 * groups. The caller has locked the user (`lockUsers`) and emits `userOps`.
 */
export async function replaceIdentityGroups(
  db: Executor,
  userId: string,
  identity: Identity,
  names: readonly string[],
  nowMs: number,
): Promise<void> {
  const ids = await ensureGroups(db, [...new Set(names)].sort(), nowMs);
  const ofIdentity = and(
    eq(groupMembers.userId, userId),
    eq(groupMembers.issuer, identity.issuer),
    eq(groupMembers.subject, identity.subject),
  );
  await db
    .delete(groupMembers)
    .where(ids.length === 0 ? ofIdentity : and(ofIdentity, notInArray(groupMembers.groupId, ids)));
  if (ids.length === 0) return;
  const { issuer, subject } = identity;
  await db
    .insert(groupMembers)
    .values(ids.map((groupId) => ({ groupId, userId, issuer, subject, createdAtMs: nowMs })))
    .onConflictDoNothing();
}

/** Ids of the groups with these names (sorted, so that two sign-ins cannot deadlock). */
async function ensureGroups(
  db: Executor,
  names: readonly string[],
  nowMs: number,
): Promise<string[]> {
  if (names.length === 0) return [];
  const known = await db
    .select({ id: groups.id, name: groups.name })
    .from(groups)
    .where(inArray(groups.name, [...names]))
    .for('key share');
  const missing = names.filter((name) => !known.some((group) => group.name === name));
  if (missing.length === 0) return known.map((group) => group.id);
  const made = await db
    .insert(groups)
    .values(
      missing.map((name) => ({
        id: newId('grp'),
        name,
        description: '',
        createdAtMs: nowMs,
      })),
    )
    // An update that changes nothing, because only then is the row of another writer returned.
    .onConflictDoUpdate({ target: groups.name, set: { name: sql`excluded.name` } })
    .returning({ id: groups.id });
  return [...known, ...made].map((group) => group.id);
}

/** Ids of the groups with these names, and the names that no group has. */
export async function findGroupsByName(
  db: Executor,
  names: readonly string[],
): Promise<{ readonly ids: readonly string[]; readonly missing: readonly string[] }> {
  if (names.length === 0) return { ids: [], missing: [] };
  const rows = await db
    .select({ id: groups.id, name: groups.name })
    .from(groups)
    .where(inArray(groups.name, [...names]))
    .for('key share');
  const known = new Set(rows.map((row) => row.name));
  return { ids: rows.map((row) => row.id), missing: names.filter((name) => !known.has(name)) };
}

export async function listGroups(
  db: Executor,
  filter: { readonly name?: string; readonly search?: string },
  page: PageRequest,
): Promise<GroupRow[]> {
  const { name, search } = filter;
  return db
    .select()
    .from(groups)
    .where(
      and(
        name === undefined ? undefined : eq(groups.name, name),
        search === undefined
          ? undefined
          : or(contains(groups.name, search), contains(groups.description, search)),
        afterCursor(page, groups.createdAtMs, groups.id),
      ),
    )
    .orderBy(...newestFirst(groups.createdAtMs, groups.id))
    .limit(page.limit + 1);
}

/** Members with the time since which they are in the group, by whoever's word. */
export async function listMembers(
  db: Executor,
  groupId: string,
  page: PageRequest,
): Promise<{ readonly user: UserRow; readonly sinceMs: number }[]> {
  const since = db
    .select({
      userId: groupMembers.userId,
      sinceMs: min(groupMembers.createdAtMs).mapWith(Number).as('since_ms'),
    })
    .from(groupMembers)
    .where(eq(groupMembers.groupId, groupId))
    .groupBy(groupMembers.userId)
    .as('since');
  return db
    .select({ user: users, sinceMs: since.sinceMs })
    .from(since)
    .innerJoin(users, eq(users.id, since.userId))
    .where(afterCursor(page, users.createdAtMs, users.id))
    .orderBy(...newestFirst(users.createdAtMs, users.id))
    .limit(page.limit + 1) as Promise<{ user: UserRow; sinceMs: number }[]>;
}
