import type { EmploymentFacts } from '@sallyport/policy';
import { newId } from '@sallyport/shared/ids';
import type { User } from '@sallyport/shared/state/model';
import { and, asc, eq, inArray, or } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, contains, newestFirst, type PageRequest } from './paging.ts';
import { groupMembers, groups, type UserStatus, userIdentities, users } from './schema/index.ts';

export type UserRow = typeof users.$inferSelect;

export interface Identity {
  readonly issuer: string;
  readonly subject: string;
}

/** Inserts a user. The caller emits `userOps`. */
export async function insertUser(
  db: Executor,
  user: {
    readonly email: string;
    readonly displayName: string;
    readonly status: UserStatus;
    readonly employment?: EmploymentFacts | null;
  },
  nowMs: number,
): Promise<UserRow> {
  const { employment = null, ...columns } = user;
  const [row] = await db
    .insert(users)
    .values({
      id: newId('usr'),
      ...columns,
      ...employmentColumns(employment),
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    })
    .returning();
  if (row === undefined) throw new Error('a user was not written');
  return row;
}

/** Changes a user. null: there is none. The caller emits `userOps`. */
export async function updateUser(
  db: Executor,
  id: string,
  change: {
    readonly email?: string;
    readonly displayName?: string;
    readonly status?: UserStatus;
    readonly employment?: EmploymentFacts | null;
  },
  nowMs: number,
): Promise<UserRow | null> {
  const { employment, ...columns } = change;
  const employed = employment === undefined ? {} : employmentColumns(employment);
  const [row] = await db
    .update(users)
    .set({ ...columns, ...employed, updatedAtMs: nowMs })
    .where(eq(users.id, id))
    .returning();
  return row ?? null;
}

/** Deletes a user with identities, memberships and sessions. False: there was none. */
export async function deleteUser(db: Executor, id: string): Promise<boolean> {
  const deleted = await db.delete(users).where(eq(users.id, id)).returning({ id: users.id });
  return deleted.length > 0;
}

export async function findUser(db: Executor, id: string): Promise<UserRow | null> {
  const [row] = await db.select().from(users).where(eq(users.id, id));
  return row ?? null;
}

/** All users with this address: it is not a key. Two are enough to know that it is ambiguous. */
export async function findUsersByEmail(db: Executor, email: string): Promise<UserRow[]> {
  return db
    .select()
    .from(users)
    .where(eq(users.email, email.toLowerCase()))
    .orderBy(asc(users.createdAtMs), asc(users.id))
    .limit(10);
}

export async function findUserByIdentity(
  db: Executor,
  identity: Identity,
): Promise<UserRow | null> {
  const [row] = await db
    .select({ user: users })
    .from(userIdentities)
    .innerJoin(users, eq(users.id, userIdentities.userId))
    .where(
      and(eq(userIdentities.issuer, identity.issuer), eq(userIdentities.subject, identity.subject)),
    );
  return row?.user ?? null;
}

/** Ties an identity to a user. False: it belongs to a user already. */
export async function insertIdentity(
  db: Executor,
  identity: Identity,
  userId: string,
  nowMs: number,
): Promise<boolean> {
  const inserted = await db
    .insert(userIdentities)
    .values({ issuer: identity.issuer, subject: identity.subject, userId, createdAtMs: nowMs })
    .onConflictDoNothing()
    .returning({ userId: userIdentities.userId });
  return inserted.length > 0;
}

/** Notes a sign-in of the identity. */
export async function touchIdentity(
  db: Executor,
  identity: Identity,
  nowMs: number,
): Promise<void> {
  await db
    .update(userIdentities)
    .set({ lastSignInAtMs: nowMs })
    .where(
      and(eq(userIdentities.issuer, identity.issuer), eq(userIdentities.subject, identity.subject)),
    );
}

export async function findIdentities(
  db: Executor,
  userIds: readonly string[],
): Promise<(typeof userIdentities.$inferSelect)[]> {
  if (userIds.length === 0) return [];
  return db
    .select()
    .from(userIdentities)
    .where(inArray(userIdentities.userId, [...userIds]))
    .orderBy(asc(userIdentities.issuer), asc(userIdentities.subject));
}

/**
 * Locks the users' rows. Whoever changes a user or its memberships does this first, because the op
 * that follows names all groups: two transactions that each saw half would leave the lane wrong.
 */
export async function lockUsers(db: Executor, ids: readonly string[]): Promise<UserRow[]> {
  if (ids.length === 0) return [];
  return db
    .select()
    .from(users)
    .where(inArray(users.id, [...ids]))
    .orderBy(asc(users.id))
    .for('update');
}

/** The users as they are now, locked, as ops for the `directory` lane. Unknown ids are left out. */
export async function userOps(db: Executor, ids: readonly string[]): Promise<User[]> {
  const rows = await lockUsers(db, ids);
  const names = await groupNamesOf(
    db,
    rows.map((row) => row.id),
  );
  return rows.map((row) => userOp(row, names.get(row.id) ?? []));
}

/** Group names by user, each list sorted. */
export async function groupNamesOf(
  db: Executor,
  userIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = new Map<string, string[]>();
  if (userIds.length === 0) return names;
  const rows = await db
    .selectDistinct({ userId: groupMembers.userId, name: groups.name })
    .from(groupMembers)
    .innerJoin(groups, eq(groups.id, groupMembers.groupId))
    .where(inArray(groupMembers.userId, [...userIds]));
  for (const row of rows) {
    const list = names.get(row.userId);
    if (list === undefined) names.set(row.userId, [row.name]);
    else list.push(row.name);
  }
  // Sorted here, so that no database's collation has a say in the bytes of a frame.
  for (const list of names.values()) list.sort();
  return names;
}

/** What is known of a user's employment; null: nothing. */
export function employmentOf(
  row: Pick<UserRow, 'employmentClass' | 'employmentEndsAtMs'>,
): EmploymentFacts | null {
  const { employmentClass, employmentEndsAtMs } = row;
  return employmentClass === null ? null : { class: employmentClass, endsAtMs: employmentEndsAtMs };
}

/** A user's employment as columns. */
function employmentColumns(employment: EmploymentFacts | null) {
  return {
    employmentClass: employment?.class ?? null,
    employmentEndsAtMs: employment?.endsAtMs ?? null,
  };
}

/** A user as an op for the `directory` lane. */
export function userOp(row: UserRow, groupNames: readonly string[]): User {
  return {
    op: 'user',
    id: row.id,
    email: row.email,
    displayName: row.displayName,
    status: row.status,
    groups: groupNames,
    employment: employmentOf(row),
  };
}

export interface UserFilter {
  /** Exactly this address. */
  readonly email?: string;
  /** Part of the address or the name. */
  readonly search?: string;
  readonly status?: UserStatus;
}

export async function listUsers(
  db: Executor,
  filter: UserFilter,
  page: PageRequest,
): Promise<UserRow[]> {
  const { email, search, status } = filter;
  return db
    .select()
    .from(users)
    .where(
      and(
        email === undefined ? undefined : eq(users.email, email.toLowerCase()),
        search === undefined
          ? undefined
          : or(contains(users.email, search), contains(users.displayName, search)),
        status === undefined ? undefined : eq(users.status, status),
        afterCursor(page, users.createdAtMs, users.id),
      ),
    )
    .orderBy(...newestFirst(users.createdAtMs, users.id))
    .limit(page.limit + 1);
}
