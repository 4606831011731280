import type { SignalEvent } from '@sallyport/shared/signals/events';
import { detectorNames, type Finding } from '@sallyport/shared/signals/finding';
import { decodeHistory, encodeHistory } from '@sallyport/shared/signals/history';
import { matterKeys, observe } from '@sallyport/shared/signals/observe';
import type { DetectorSettings } from '@sallyport/shared/signals/settings';
import type { Executor } from '../store/database.ts';
import { silencedFindings } from '../store/findings.ts';
import { lockHistories, writeHistories } from '../store/histories.ts';
import { findSessionOwners } from '../store/sessions.ts';
import { groupNamesOf } from '../store/users.ts';
import type { WriteTx } from '../store/write.ts';
import { evidenceOf } from './evidence.ts';
import { notePlaces } from './last-places.ts';
import { sideToEnd } from './less-familiar.ts';
import type { EventOutcome } from './metrics.ts';
import { type Found, type Raised, raiseFindings } from './raise-findings.ts';
import { redactEvidence } from './redact-evidence.ts';
import type { SignalSettings } from './settings.ts';

/** What came of a batch. */
export interface Observed {
  readonly events: readonly {
    readonly kind: SignalEvent['kind'];
    readonly outcome: EventOutcome;
  }[];
  readonly findings: readonly Raised[];
  /** Histories that could not be read. */
  readonly unreadable: number;
}

/**
 * Shows events to the detectors, in the order of their times, with the histories of their users
 * locked: what two replicas have at the same time, one of them counts. All of it is in the caller's
 * transaction, so an event is counted if, and only if, what came of it is there.
 */
export async function observeEvents(
  tx: WriteTx,
  settings: SignalSettings,
  given: readonly SignalEvent[],
): Promise<Observed> {
  const { db, nowMs } = tx;
  const events = await withSession(db, given, nowMs);
  const looked = new Set(events);
  const outcomes: Observed['events'][number][] = given
    .filter((event) => !looked.has(event))
    .map(({ kind }) => ({ kind, outcome: 'no_session' }));
  const byUser = Map.groupBy(events, ({ userId }) => userId);
  const userIds = [...byUser.keys()];
  if (userIds.length === 0) return { events: outcomes, findings: [], unreadable: 0 };
  const kept = await lockHistories(db, userIds, nowMs);
  const { detectors, redactions } = await settings.live(db);
  const groups = await groupNamesOf(db, userIds);
  const changed = new Map<string, Uint8Array>();
  const found: Found[] = [];
  const silent: Raised[] = [];
  const fresh: SignalEvent[] = [];
  let unreadable = 0;
  for (const [userId, own] of byUser) {
    const bytes = kept.get(userId) ?? new Uint8Array();
    const decoded = decodeHistory(bytes);
    if (bytes.length > 0 && !decoded.readable) unreadable += 1;
    let { history } = decoded;
    let dismissed: ReadonlySet<number> | undefined;
    for (const event of own.toSorted((a, b) => a.atMs - b.atMs)) {
      const look = () => observe(event, history, groups.get(userId) ?? [], detectors, dismissed);
      let seen = look();
      if (seen.silent.length > 0 && dismissed === undefined) {
        // Asked for only now: nearly nobody has so many findings.
        dismissed = keysOf(await silencedFindings(db, [userId], nowMs), detectors);
        seen = look();
      }
      for (const finding of seen.silent) silent.push(silentOf(userId, finding));
      outcomes.push({ kind: event.kind, outcome: seen.fresh ? 'taken' : 'duplicate' });
      if (!seen.fresh) continue;
      for (const finding of seen.findings) {
        found.push({
          event,
          finding,
          evidence: redactEvidence(evidenceOf(event, finding), redactions),
          side: sideToEnd(event, finding.from, history),
        });
      }
      fresh.push(event);
      history = seen.history;
    }
    if (history !== decoded.history) changed.set(userId, encodeHistory(history));
  }
  await writeHistories(db, changed, nowMs);
  await notePlaces(tx, fresh);
  return {
    events: outcomes,
    findings: [...(await raiseFindings(tx, found)), ...silent],
    unreadable,
  };
}

/** What a history knows dismissed matters by. */
function keysOf(
  dismissed: Awaited<ReturnType<typeof silencedFindings>>,
  detectors: DetectorSettings,
): Set<number> {
  const keys = dismissed.flatMap((row) => {
    const name = detectorNames.find((one) => one === row.detector);
    return name === undefined ? [] : matterKeys(row, detectors[name].score);
  });
  return new Set(keys);
}

/** What is not raised, for people to see that it is not. */
function silentOf(userId: string, finding: Finding): Raised {
  return { id: null, userId, finding, outcome: 'silent', revocationIds: [] };
}

/**
 * The events whose session is one of their user: an edge can make up no user, and none that it has
 * not served. A denial counts while the session is live.
 */
async function withSession(
  db: Executor,
  events: readonly SignalEvent[],
  nowMs: number,
): Promise<SignalEvent[]> {
  const sids = new Set(events.flatMap((event) => ('sid' in event ? [event.sid] : [])));
  const owners = await findSessionOwners(db, [...sids], nowMs);
  return events.filter((event) => {
    if (event.kind === 'sign_in_failed') return true;
    const owner = owners.get(event.sid);
    return owner?.userId === event.userId && (event.kind !== 'denied' || owner.live);
  });
}
