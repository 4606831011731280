import type { EndedSession, GenerationScope } from '@sallyport/shared/state/model';
import { and, desc, eq, inArray, not, type SQL, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { devices, endedSessions, generations, sessions, users } from './schema/index.ts';

export type SessionRow = typeof sessions.$inferSelect;

/** Inserts a session; its generations come from `holdGenerations` in the same transaction. */
export async function insertSession(
  db: Executor,
  session: Omit<SessionRow, 'endedAtMs'>,
): Promise<void> {
  await db.insert(sessions).values(session);
}

export async function findSession(db: Executor, sid: string): Promise<SessionRow | null> {
  const [row] = await db.select().from(sessions).where(eq(sessions.sid, sid));
  return row ?? null;
}

/**
 * Ends one session by name; the op goes to the `revoke` lane. Ending it twice gives the same op.
 * null: there is no such session.
 */
export async function endSession(
  db: Executor,
  sid: string,
  nowMs: number,
): Promise<EndedSession | null> {
  const [row] = await db
    .update(sessions)
    .set({ endedAtMs: sql`coalesce(${sessions.endedAtMs}, ${nowMs}::bigint)` })
    .where(eq(sessions.sid, sid))
    .returning({ sid: sessions.sid, expiresAtMs: sessions.expiresAtMs });
  if (row === undefined) return null;
  // An update that changes nothing holds the row, too, against the job that forgets it.
  await db
    .insert(endedSessions)
    .values(row)
    .onConflictDoUpdate({
      target: endedSessions.sid,
      set: { expiresAtMs: sql`excluded.expires_at_ms` },
    });
  return { op: 'ended_session', ...row };
}

/** Whether a session's statement would hold now: not ended, not expired, generations of today. */
function liveSession(nowMs: number): SQL<boolean> {
  const current = (scope: GenerationScope, subject: SQL | typeof sessions.userId): SQL =>
    sql`coalesce((select ${generations.value} from ${generations}
      where ${generations.scope} = ${scope} and ${generations.subjectId} = ${subject}), 0)`;
  return sql`(${sessions.endedAtMs} is null
    and ${sessions.expiresAtMs} > ${nowMs}::bigint
    and ${sessions.generationGlobal} = ${current('global', sql`''`)}
    and ${sessions.generationUser} = ${current('user', sessions.userId)}
    and (${sessions.deviceId} is null
      or ${sessions.generationDevice} = ${current('device', sql`${sessions.deviceId}`)}))`;
}

/** Whose a session is, and whether its statement would hold now. */
export type SessionOwner = Pick<SessionRow, 'sid' | 'userId' | 'deviceId'> & {
  readonly live: boolean;
};

/** The owners of these sessions, by sid; those that are not there are left out. */
export async function findSessionOwners(
  db: Executor,
  sids: readonly string[],
  nowMs: number,
): Promise<ReadonlyMap<string, SessionOwner>> {
  if (sids.length === 0) return new Map();
  const { sid, userId, deviceId } = sessions;
  const rows = await db
    .select({ sid, userId, deviceId, live: liveSession(nowMs) })
    .from(sessions)
    .where(inArray(sid, [...sids]));
  return new Map(rows.map((row) => [row.sid, row]));
}

/** The sessions of a user that live, the newest first, so many at the most. */
export async function liveSidsOf(
  db: Executor,
  userId: string,
  nowMs: number,
  limit: number,
): Promise<string[]> {
  const rows = await db
    .select({ sid: sessions.sid })
    .from(sessions)
    .where(and(eq(sessions.userId, userId), liveSession(nowMs)))
    .orderBy(desc(sessions.issuedAtMs))
    .limit(limit);
  return rows.map(({ sid }) => sid);
}

/** A session with what people know its user and device by. */
export interface SessionView {
  readonly session: SessionRow;
  readonly userEmail: string;
  readonly deviceName: string | null;
  readonly live: boolean;
}

export interface SessionFilter {
  /** User id or e-mail address. */
  readonly user?: string;
  readonly device?: string;
  readonly live?: boolean;
}

export async function listSessions(
  db: Executor,
  filter: SessionFilter,
  page: PageRequest,
  nowMs: number,
): Promise<SessionView[]> {
  const { user, device, live } = filter;
  const isLive = liveSession(nowMs);
  return selectViews(db, isLive)
    .where(
      and(
        user === undefined ? undefined : ofUser(user),
        device === undefined ? undefined : eq(sessions.deviceId, device),
        live === undefined ? undefined : live ? isLive : not(isLive),
        afterCursor(page, sessions.issuedAtMs, sessions.sid),
      ),
    )
    .orderBy(...newestFirst(sessions.issuedAtMs, sessions.sid))
    .limit(page.limit + 1);
}

export async function findSessionView(
  db: Executor,
  sid: string,
  nowMs: number,
): Promise<SessionView | null> {
  const [row] = await selectViews(db, liveSession(nowMs)).where(eq(sessions.sid, sid));
  return row ?? null;
}

function selectViews(db: Executor, isLive: SQL<boolean>) {
  return db
    .select({
      session: sessions,
      userEmail: users.email,
      deviceName: devices.name,
      live: isLive,
    })
    .from(sessions)
    .innerJoin(users, eq(users.id, sessions.userId))
    .leftJoin(devices, eq(devices.id, sessions.deviceId));
}

function ofUser(user: string): SQL {
  return user.includes('@') ? eq(users.email, user.toLowerCase()) : eq(sessions.userId, user);
}
