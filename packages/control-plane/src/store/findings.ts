import type { SignalSubject } from '@sallyport/shared/state/model';
import { and, desc, eq, gt, inArray, isNotNull, isNull, lte, or, type SQL, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { afterCursor, newestFirst, type PageRequest } from './paging.ts';
import { findings, users } from './schema/index.ts';

export type FindingRow = typeof findings.$inferSelect;
export type NewFindingRow = Omit<
  typeof findings.$inferInsert,
  'seq' | 'times' | 'dismissedAtMs' | 'dismissedBy' | 'dismissedWhy' | 'silentUntilMs'
>;

/** What a finding is the same by. */
export type FindingKey = Pick<FindingRow, 'detector' | 'subject' | 'subjectId' | 'matter'>;

/** One text for it, for maps. */
export function keyOf({ detector, subject, subjectId, matter }: FindingKey): string {
  return JSON.stringify([detector, subject, subjectId, matter]);
}

/** Makes writers of findings take turns until the transaction ends, so that `seq` rises as they commit. */
export async function holdFindings(db: Executor): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(hashtext('sallyport.findings'))`);
}

export async function insertFinding(db: Executor, row: NewFindingRow): Promise<void> {
  await db.insert(findings).values(row);
}

/**
 * Those of these users that say something about a new one: the open ones, and the dismissed ones
 * that are not to be raised again. The caller holds the users' histories.
 */
export async function findingsInForce(
  db: Executor,
  userIds: readonly string[],
  nowMs: number,
): Promise<FindingRow[]> {
  return db
    .select()
    .from(findings)
    .where(
      and(
        inArray(findings.userId, [...userIds]),
        or(stateIs('open', nowMs), gt(findings.silentUntilMs, nowMs)),
      ),
    );
}

/** Those of these users that are not to be raised again, because a person said that they are none. */
export async function silencedFindings(
  db: Executor,
  userIds: readonly string[],
  nowMs: number,
): Promise<(FindingKey & Pick<FindingRow, 'userId'>)[]> {
  const { detector, subject, subjectId, matter, userId } = findings;
  return db
    .select({ detector, subject, subjectId, matter, userId })
    .from(findings)
    .where(and(inArray(userId, [...userIds]), gt(findings.silentUntilMs, nowMs)))
    .orderBy(desc(findings.dismissedAtMs));
}

/** Notes that the same was found again. It weighs, and counts, as the heavier and the longer of both. */
export async function repeatFinding(
  db: Executor,
  id: string,
  change: Partial<
    Pick<
      FindingRow,
      'evidence' | 'reason' | 'score' | 'expiresAtMs' | 'keptUntilMs' | 'revocationId' | 'sid'
    >
  >,
  atMs: number,
): Promise<void> {
  await db
    .update(findings)
    .set({
      ...change,
      score: sql`greatest(${findings.score}, ${change.score ?? 0}::integer)`,
      expiresAtMs: sql`greatest(${findings.expiresAtMs}, ${change.expiresAtMs ?? 0}::bigint)`,
      times: sql`${findings.times} + 1`,
      lastAtMs: sql`greatest(${findings.lastAtMs}, ${atMs}::bigint)`,
    })
    .where(eq(findings.id, id));
}

/** The finding, locked. */
export async function lockFinding(db: Executor, id: string): Promise<FindingRow | null> {
  const [row] = await db.select().from(findings).where(eq(findings.id, id)).for('update');
  return row ?? null;
}

/** Notes that a person says that a finding is none, and so what is open of the same. */
export async function markDismissed(
  db: Executor,
  row: FindingRow,
  dismissal: {
    readonly by: string;
    readonly why: string;
    readonly silentUntilMs: number;
  },
  nowMs: number,
): Promise<void> {
  await db
    .update(findings)
    .set({
      dismissedAtMs: nowMs,
      dismissedBy: dismissal.by,
      dismissedWhy: dismissal.why,
      silentUntilMs: dismissal.silentUntilMs,
      keptUntilMs: sql`greatest(${findings.keptUntilMs}, ${dismissal.silentUntilMs}::bigint)`,
    })
    .where(or(eq(findings.id, row.id), and(isSame(row), stateIs('open', nowMs))));
}

/** Takes the dismissals of the same back. */
export async function unmarkDismissed(db: Executor, row: FindingRow): Promise<void> {
  await db
    .update(findings)
    .set({ dismissedAtMs: null, dismissedBy: null, dismissedWhy: null, silentUntilMs: null })
    .where(and(isSame(row), isNotNull(findings.dismissedAtMs)));
}

/** The open findings of a detector and subject, as many as `limit`, the newest first. */
export async function openFindings(
  db: Executor,
  { detector, subject, subjectId }: Omit<FindingKey, 'matter'>,
  nowMs: number,
  limit: number,
): Promise<FindingRow[]> {
  return db
    .select()
    .from(findings)
    .where(
      and(
        eq(findings.detector, detector),
        eq(findings.subject, subject),
        eq(findings.subjectId, subjectId),
        stateIs('open', nowMs),
      ),
    )
    .orderBy(desc(findings.lastAtMs), desc(findings.id))
    .limit(limit);
}

export const findingStates = ['open', 'dismissed', 'expired'] as const;
export type FindingState = (typeof findingStates)[number];

export interface FindingFilter {
  readonly detector?: string;
  /** User id or e-mail address. */
  readonly user?: string;
  readonly device?: string;
  readonly session?: string;
  readonly state?: FindingState;
}

export interface FindingView {
  readonly finding: FindingRow;
  /** null: the user is gone. */
  readonly userEmail: string | null;
}

export async function listFindings(
  db: Executor,
  filter: FindingFilter,
  page: PageRequest,
  nowMs: number,
): Promise<FindingView[]> {
  const { detector, user, device, session, state } = filter;
  return selectViews(db)
    .where(
      and(
        detector === undefined ? undefined : eq(findings.detector, detector),
        user === undefined ? undefined : ofUser(db, user),
        device === undefined ? undefined : about('device', findings.deviceId, device),
        session === undefined ? undefined : about('session', findings.sid, session),
        state === undefined ? undefined : stateIs(state, nowMs),
        afterCursor(page, findings.atMs, findings.id),
      ),
    )
    .orderBy(...newestFirst(findings.atMs, findings.id))
    .limit(page.limit + 1);
}

export async function findFindingView(db: Executor, id: string): Promise<FindingView | null> {
  const [row] = await selectViews(db).where(eq(findings.id, id));
  return row ?? null;
}

/** What a finding is by now. */
export function stateOf(row: FindingRow, nowMs: number): FindingState {
  if (row.dismissedAtMs !== null) return 'dismissed';
  return row.expiresAtMs > nowMs ? 'open' : 'expired';
}

function isSame({ detector, subject, subjectId, matter }: FindingKey): SQL | undefined {
  return and(
    eq(findings.detector, detector),
    eq(findings.subject, subject),
    eq(findings.subjectId, subjectId),
    eq(findings.matter, matter),
  );
}

/** Findings and whom they are of. */
export function selectViews(db: Executor) {
  return db
    .select({ finding: findings, userEmail: users.email })
    .from(findings)
    .leftJoin(users, eq(users.id, findings.userId));
}

function stateIs(state: FindingState, nowMs: number): SQL | undefined {
  if (state === 'dismissed') return isNotNull(findings.dismissedAtMs);
  const alive = state === 'open' ? gt : lte;
  return and(isNull(findings.dismissedAtMs), alive(findings.expiresAtMs, nowMs));
}

function ofUser(db: Executor, user: string): SQL {
  if (!user.includes('@')) return eq(findings.userId, user);
  const named = db.select({ id: users.id }).from(users).where(eq(users.email, user.toLowerCase()));
  return inArray(findings.userId, named);
}

/** It is about the subject, or came with it. */
function about(
  subject: SignalSubject,
  column: typeof findings.deviceId | typeof findings.sid,
  id: string,
): SQL | undefined {
  return or(eq(column, id), and(eq(findings.subject, subject), eq(findings.subjectId, id)));
}
