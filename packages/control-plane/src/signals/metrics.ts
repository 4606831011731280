import type { SignalEvent } from '@sallyport/shared/signals/events';
import { Counter, type Registry } from 'prom-client';

export type EventOutcome =
  | 'taken'
  /** It was counted before. */
  | 'duplicate'
  /** No session of that user, or none that is live where it has to be. */
  | 'no_session'
  /** Who it was of is not known, so nobody's risk changes. */
  | 'unknown_user'
  /** A detector failed on it: our fault, in the log. */
  | 'failed';

export type FindingOutcome =
  | 'raised'
  /** The same is open already. */
  | 'repeated'
  /** A person said that it is none. */
  | 'dismissed'
  /** The user has too many open ones of this detector. */
  | 'too_many'
  /** The detector has raised as many other matters of the user within its half-life as it may. */
  | 'silent';

/** Counts of signals. */
export interface SignalMetrics {
  event(kind: SignalEvent['kind'], outcome: EventOutcome): void;
  finding(detector: string, outcome: FindingOutcome): void;
  revoked(detector: string): void;
  historyUnreadable(): void;
}

export function createSignalMetrics(registry: Registry): SignalMetrics {
  const registers = [registry];
  const events = new Counter({
    name: 'sallyport_signal_events_total',
    help: 'Events that detectors look at, by kind and what became of them',
    labelNames: ['kind', 'outcome'],
    registers,
  });
  const findings = new Counter({
    name: 'sallyport_signal_findings_total',
    help: 'What detectors found, and whether it was raised',
    labelNames: ['detector', 'outcome'],
    registers,
  });
  const revocations = new Counter({
    name: 'sallyport_signal_revocations_total',
    help: 'Sessions that were ended for a finding',
    labelNames: ['detector'],
    registers,
  });
  const unreadable = new Counter({
    name: 'sallyport_user_histories_unreadable_total',
    help: 'Histories that could not be read and began anew',
    registers,
  });
  return {
    event: (kind, outcome) => events.inc({ kind, outcome }),
    finding: (detector, outcome) => findings.inc({ detector, outcome }),
    revoked: (detector) => revocations.inc({ detector }),
    historyUnreadable: () => unreadable.inc(),
  };
}
