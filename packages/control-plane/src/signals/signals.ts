import type { AccessRecord } from '@sallyport/shared/access-record';
import type { Clock } from '@sallyport/shared/clock';
import type { Log } from '@sallyport/shared/log';
import type { SignalEvent } from '@sallyport/shared/signals/events';
import type { Registry } from 'prom-client';
import type { Database } from '../store/database.ts';
import { isDatabaseTrouble } from '../store/failure.ts';
import { type Actor, write } from '../store/write.ts';
import { denialsOf } from './denials.ts';
import { createSignalMetrics, type SignalMetrics } from './metrics.ts';
import { type Observed, observeEvents } from './observe-events.ts';
import { SignalSettings } from './settings.ts';

/** What other parts tell of users, devices and sessions. */
export interface Signals {
  readonly metrics: SignalMetrics;
  /**
   * Looks at events, none of which was later than now. When it resolves, what came of them is durable and on its way to the edges.
   * Fails only where the database does; then the same events may come again and count once.
   */
  take(events: readonly SignalEvent[]): Promise<void>;
  /** The same of what new access records say: denials of people with a live session. */
  takeRecords(records: readonly AccessRecord[]): Promise<void>;
}

export interface SignalParts {
  readonly database: Database;
  readonly clock: Clock;
  readonly log: Log;
  readonly registry: Registry;
}

/** Users of one transaction: their histories are locked until it ends. */
const usersAtOnceMax = 200;

const actor: Actor = {
  kind: 'system',
  id: 'signals',
  label: 'signals',
  requestId: '',
  sourceAddress: '',
};

export function createSignals({ database, clock, log, registry }: SignalParts): Signals {
  const metrics = createSignalMetrics(registry);
  const settings = new SignalSettings();

  async function takeTogether(byUser: readonly (readonly SignalEvent[])[]): Promise<void> {
    const events = byUser.flat();
    try {
      const { result } = await write(
        database,
        actor,
        { verb: 'observe', resource: 'signal' },
        (tx) => observeEvents(tx, settings, events),
        { nowMs: clock(), unaudited: true },
      );
      tell(result, metrics, log);
    } catch (error) {
      if (isDatabaseTrouble(error)) throw error;
      // Whatever one user's events do to us, the others' are looked at.
      if (byUser.length > 1) {
        for (const one of byUser) await takeTogether([one]);
        return;
      }
      log.error('signals.not_observed', { user: events[0]?.userId, events: events.length, error });
      for (const { kind } of events) metrics.event(kind, 'failed');
    }
  }

  async function take(given: readonly SignalEvent[]): Promise<void> {
    // Whoever's clock was ahead: an event of the future would be the newest for as long as it is one.
    const nowMs = clock();
    const events = given.map((event) => (event.atMs > nowMs ? { ...event, atMs: nowMs } : event));
    const byUser = [...Map.groupBy(events, ({ userId }) => userId).values()];
    for (let at = 0; at < byUser.length; at += usersAtOnceMax) {
      await takeTogether(byUser.slice(at, at + usersAtOnceMax));
    }
  }

  return {
    metrics,
    take,
    takeRecords: (records) => take(denialsOf(records, clock())),
  };
}

/** After the commit: a transaction that begins again is told of once. */
function tell({ events, findings, unreadable }: Observed, metrics: SignalMetrics, log: Log): void {
  for (const { kind, outcome } of events) metrics.event(kind, outcome);
  for (let count = 0; count < unreadable; count += 1) metrics.historyUnreadable();
  if (unreadable > 0) log.warn('signals.histories_unreadable', { histories: unreadable });
  const silent = new Set<string>();
  for (const { id, finding, userId, outcome, revocationIds } of findings) {
    metrics.finding(finding.detector, outcome);
    for (const _ of revocationIds) metrics.revoked(finding.detector);
    if (outcome === 'silent') {
      const about = { detector: finding.detector, user: userId };
      if (!silent.has(JSON.stringify(about))) log.warn('signals.silent', about);
      silent.add(JSON.stringify(about));
    }
    if (outcome !== 'raised' && revocationIds.length === 0) continue;
    const { detector, subject, subjectId, reason, sid } = finding;
    log.warn('signals.finding', {
      id,
      detector,
      user: userId,
      subject: `${subject} ${subjectId}`,
      reason,
      session: sid,
      revocations: revocationIds,
    });
  }
}
