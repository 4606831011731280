import { newId } from '@sallyport/shared/ids';
import type { SignalEvent } from '@sallyport/shared/signals/events';
import type { Finding } from '@sallyport/shared/signals/finding';
import { keyOf as historyKeyOf } from '@sallyport/shared/signals/history-model';
import { riskOf, signalValue } from '@sallyport/shared/signals/risk';
import { revoke } from '../revoke/revoke.ts';
import {
  type FindingRow,
  findingsInForce,
  holdFindings,
  insertFinding,
  keyOf,
  type NewFindingRow,
  repeatFinding,
} from '../store/findings.ts';
import type { Evidence } from '../store/schema/index.ts';
import { findSessionOwners, liveSidsOf } from '../store/sessions.ts';
import { findSignals, putSignal, type SignalRow } from '../store/signals.ts';
import { type Actor, insertAuditRow, type WriteTx } from '../store/write.ts';
import type { SeenEvidence } from './evidence.ts';
import type { Side } from './less-familiar.ts';
import type { FindingOutcome } from './metrics.ts';

/** What a detector found at an event. */
export interface Found {
  readonly event: SignalEvent;
  readonly finding: Finding;
  readonly evidence: SeenEvidence;
  /** Of a journey, where sessions are to end. */
  readonly side: Side;
}

/** What became of it. */
export interface Raised {
  /** null: it has no row. */
  readonly id: string | null;
  readonly userId: string;
  readonly finding: Finding;
  readonly outcome: FindingOutcome;
  /** Sessions that it ended. */
  readonly revocationIds: readonly string[];
}

/** So long findings are kept for people after they were made, if nothing asks for longer. */
const keptMs = 90 * 86_400_000;
/** Open ones of one user and detector: an edge that makes up devices fills no table. */
export const openMax = 50;

const none: readonly string[] = [];
/** Among so many of a user's sessions the other end of a journey is looked for. */
const sessionsMax = 1_000;

/** What is known of one finding while its batch is worked on. */
type Known = Pick<FindingRow, 'id' | 'userId' | 'detector' | 'silentUntilMs'>;

/**
 * Writes what was found: a row for people, a signal for edges, and the end of the session where the
 * settings say so. What is open already is noted again; what a person has dismissed is not raised.
 * The caller holds the users' histories.
 */
export async function raiseFindings(tx: WriteTx, found: readonly Found[]): Promise<Raised[]> {
  if (found.length === 0) return [];
  const userIds = [...new Set(found.map(({ event }) => event.userId))];
  const known = new Map<string, Known>();
  for (const row of await findingsInForce(tx.db, userIds, tx.nowMs)) {
    const silent = known.get(keyOf(row))?.silentUntilMs ?? null;
    if (silent === null) known.set(keyOf(row), row);
  }
  await holdFindings(tx.db);
  const raised: Raised[] = [];
  for (const one of found) raised.push(await raise(tx, one, known));
  return raised;
}

async function raise(tx: WriteTx, found: Found, known: Map<string, Known>): Promise<Raised> {
  const { finding, event } = found;
  const { userId } = event;
  const earlier = known.get(keyOf(finding));
  const came = { userId, finding, revocationIds: none };
  if (earlier !== undefined && earlier.silentUntilMs !== null) {
    await repeatFinding(tx.db, earlier.id, {}, event.atMs);
    return { ...came, id: earlier.id, outcome: 'dismissed' };
  }
  // Before anything is left out: what ends a session does so however much else is found.
  const beforeSid = await sessionBefore(tx, found);
  const revocationIds =
    finding.outcome === 'revoke' ? await endSessions(tx, found, beforeSid) : none;
  if (earlier === undefined && openOf(known, found) >= openMax) {
    return { ...came, id: null, outcome: 'too_many', revocationIds };
  }
  const seen = { ...found.evidence, beforeSid };
  const row = rowOf(tx, found, seen, revocationIds[0] ?? null);
  if (row.expiresAtMs > tx.nowMs) await tellEdges(tx, signalOf(finding, row));
  if (earlier === undefined) {
    await insertFinding(tx.db, row);
    known.set(keyOf(finding), { ...row, silentUntilMs: null });
    return { ...came, id: row.id, outcome: 'raised', revocationIds };
  }
  const { evidence, reason, score, expiresAtMs, keptUntilMs, sid } = row;
  await repeatFinding(
    tx.db,
    earlier.id,
    {
      evidence,
      reason,
      score,
      expiresAtMs,
      keptUntilMs,
      sid: sid ?? null,
      ...(row.revocationId !== null && { revocationId: row.revocationId }),
    },
    event.atMs,
  );
  return { ...came, id: earlier.id, outcome: 'repeated', revocationIds };
}

function openOf(known: ReadonlyMap<string, Known>, { event, finding }: Found): number {
  let open = 0;
  for (const row of known.values()) {
    const same = row.userId === event.userId && row.detector === finding.detector;
    if (same && row.silentUntilMs === null) open += 1;
  }
  return open;
}

/** The lane has one row of a detector and subject: of two findings the one that weighs more now. */
async function tellEdges(tx: WriteTx, signal: ReturnType<typeof signalOf>): Promise<void> {
  const { subject, subjectId, name } = signal;
  const there = await findSignals(tx.db, subject, name, [subjectId]);
  if (there.some((row) => weighsMore(row, signal, tx.nowMs))) return;
  tx.emit('signals', await putSignal(tx.db, signal));
}

/** Whether a signal weighs more at this instant than another. */
export function weighsMore(one: SignalRow, other: SignalRow, nowMs: number): boolean {
  const weight = (row: SignalRow) => riskOf([{ op: 'signal', ...row }], nowMs).score;
  return weight(one) > weight(other);
}

/** Below this, a decayed score does not count (shared/signals/risk.ts). */
const scoreMin = 5;

/** When a finding's score has decayed so far that it does not count any more. */
function countsUntilMs(
  { score, halfLifeMs }: Pick<Finding, 'score' | 'halfLifeMs'>,
  atMs: number,
): number {
  return atMs + Math.max(0, Math.ceil(halfLifeMs * Math.log2(score / scoreMin)));
}

function rowOf(
  tx: WriteTx,
  { event, finding }: Found,
  evidence: Evidence,
  revocationId: string | null,
) {
  const { detector, subject, subjectId, reason, score, halfLifeMs, matter, sid } = finding;
  const expiresAtMs = countsUntilMs(finding, event.atMs);
  return {
    id: newId('sig'),
    detector,
    subject,
    subjectId,
    userId: event.userId,
    deviceId: event.deviceId,
    sid,
    reason,
    score,
    halfLifeMs,
    matter,
    evidence,
    atMs: event.atMs,
    lastAtMs: event.atMs,
    expiresAtMs,
    revocationId,
    keptUntilMs: Math.max(tx.nowMs + keptMs, expiresAtMs),
  } satisfies NewFindingRow;
}

/** The lane's row of a finding. */
export function signalOf(
  finding: Pick<
    FindingRow,
    'detector' | 'subject' | 'subjectId' | 'score' | 'halfLifeMs' | 'reason'
  >,
  times: { readonly lastAtMs: number; readonly expiresAtMs: number },
) {
  return {
    subject: finding.subject,
    subjectId: finding.subjectId,
    name: finding.detector,
    value: signalValue(finding),
    observedAtMs: times.lastAtMs,
    expiresAtMs: times.expiresAtMs,
  };
}

/** The live session at the other end of a journey; null: it is over, or there is no other end. */
async function sessionBefore(tx: WriteTx, { event, finding }: Found): Promise<string | null> {
  const { from, sid } = finding;
  if (from === null) return null;
  // A history knows sessions by a key of them.
  if (sid !== null && historyKeyOf(sid) === from.session) return sid;
  const live = await liveSidsOf(tx.db, event.userId, tx.nowMs, sessionsMax);
  return live.find((one) => historyKeyOf(one) === from.session) ?? null;
}

/** Ends the sessions at those ends of a finding that are to; those that are over are left alone. */
async function endSessions(
  tx: WriteTx,
  { finding, side }: Found,
  beforeSid: string | null,
): Promise<string[]> {
  const sids = new Set([
    ...(side === 'there' ? [] : [finding.sid]),
    ...(side === 'here' ? [] : [beforeSid]),
  ]);
  const revocationIds: string[] = [];
  for (const sid of sids) {
    const id = sid === null ? null : await endSession(tx, finding, sid);
    if (id !== null) revocationIds.push(id);
  }
  return revocationIds;
}

/** Ends a session as the API does; null: it is over already. */
async function endSession(
  tx: WriteTx,
  { detector, reason }: Finding,
  sid: string,
): Promise<string | null> {
  const owner = (await findSessionOwners(tx.db, [sid], tx.nowMs)).get(sid);
  if (owner?.live !== true) return null;
  let detail: Readonly<Record<string, unknown>> = {};
  const telling: WriteTx = {
    ...tx,
    describe(_, more = {}) {
      detail = more;
    },
  };
  const row = await revoke(telling, {
    kind: 'session',
    id: sid,
    effect: 'end',
    reason: `${detector}: ${reason}`,
    by: detector,
    expiresAtMs: null,
  });
  const action = { verb: 'create', resource: 'revocation', resourceId: row.id };
  await insertAuditRow(tx.db, actorOf(detector), action, detail, tx.nowMs);
  return row.id;
}

function actorOf(detector: string): Actor {
  return {
    kind: 'system',
    id: detector,
    label: `detector ${detector}`,
    requestId: '',
    sourceAddress: '',
  };
}
