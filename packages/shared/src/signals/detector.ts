import type { SignalEvent } from './events.ts';
import type { DetectorName, Finding } from './finding.ts';
import type { UserHistory } from './history.ts';
import type { DetectorSettings } from './settings.ts';

/** What a detector may look at besides the event. */
export interface Observation {
  readonly event: SignalEvent;
  /** Of the event's user, before the event. */
  readonly history: UserHistory;
  /** Names; what a per-group threshold asks. */
  readonly groups: readonly string[];
  readonly settings: DetectorSettings;
}

/**
 * One kind of thing to notice. Pure: the history is kept by `remember` (history.ts), the same for
 * all detectors, so that a detector has no state of its own.
 */
export interface Detector {
  readonly name: DetectorName;
  /** The kinds of events it looks at. */
  readonly kinds: ReadonlySet<SignalEvent['kind']>;
  observe(observation: Observation): Finding | null;
}
