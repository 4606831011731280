import type { Observation } from './detector.ts';
import { detectors } from './detectors/index.ts';
import type { SignalEvent } from './events.ts';
import { detectorNames, type Finding } from './finding.ts';
import { emptyHistory, remember, withRaised } from './history.ts';
import { keyOf, type Raised, secondsOf, type UserHistory } from './history-model.ts';
import type { DetectorSettings } from './settings.ts';

/** So many different matters of one detector within its half-life; further ones add nothing. */
const mattersMax = 4;

export interface Observed {
  readonly history: UserHistory;
  /** To be raised now; what was raised within its half-life is not among them. */
  readonly findings: readonly Finding[];
  /** false: the event had been observed before. */
  readonly fresh: boolean;
}

/**
 * What one more event of a user shows, and the history with it. `history` null: nothing is known
 * of the user yet. Pure: the same event and history give the same answer on every replica.
 */
export function observe(
  event: SignalEvent,
  history: UserHistory | null,
  groups: readonly string[],
  settings: DetectorSettings,
): Observed {
  const before = history ?? emptyHistory;
  const { history: after, fresh } = remember(before, event);
  if (!fresh) return { history: before, findings: [], fresh };
  const observation = { event, history: before, groups, settings };
  const atS = secondsOf(event.atMs);
  const findings: Finding[] = [];
  const raised: Raised[] = [];
  for (const finding of found(observation)) {
    const one = raisedBy(finding, atS);
    if (isKnown(before.raised, one, finding)) continue;
    findings.push(finding);
    raised.push(one);
  }
  return { history: withRaised(after, raised), findings, fresh };
}

function found(observation: Observation): readonly Finding[] {
  const { event, settings } = observation;
  return detectors.flatMap((detector) => {
    if (!detector.kinds.has(event.kind) || !mayLook(settings, detector.name)) return [];
    return detector.observe(observation) ?? [];
  });
}

/** A group's entry may let travel be looked at where it is off for everybody else. */
function mayLook(settings: DetectorSettings, name: Finding['detector']): boolean {
  return name === 'impossible-travel' || settings[name].enabled;
}

/** What is raised once: for a session that is to end, each of them. */
function raisedBy(finding: Finding, atS: number): Raised {
  const { detector, subject, subjectId, matter, outcome, sid } = finding;
  const ends = outcome === 'revoke' ? (sid ?? '') : '';
  const key = keyOf(detector, subject, subjectId, matter, ends);
  return { key, detector: detectorNames.indexOf(detector), atS };
}

function isKnown(raised: readonly Raised[], one: Raised, finding: Finding): boolean {
  const halfLifeS = finding.halfLifeMs / 1000;
  const recent = raised.filter(
    (old) => old.detector === one.detector && Math.abs(one.atS - old.atS) < halfLifeS,
  );
  if (recent.some((old) => old.key === one.key)) return true;
  return finding.outcome === 'signal' && finding.subject === 'user' && recent.length >= mattersMax;
}
