import { scoresFrom } from './confidence.ts';
import type { Observation } from './detector.ts';
import { detectors } from './detectors/index.ts';
import type { SignalEvent } from './events.ts';
import { detectorNames, type Finding } from './finding.ts';
import { emptyHistory, remember, withRaised } from './history.ts';
import { keyOf, type Raised, secondsOf, type UserHistory } from './history-model.ts';
import type { DetectorSettings } from './settings.ts';

/**
 * So many different matters of one detector within its half-life; further ones are silent. Those
 * that there is something to doubt about have half of the room, so that they do not hide the others.
 */
const mattersMax = 4;
const noMatters: ReadonlySet<number> = new Set();

export interface Observed {
  readonly history: UserHistory;
  /** To be raised now; what was raised within its half-life is not among them. */
  readonly findings: readonly Finding[];
  /** Not to be raised, because the detector has raised so many other matters of the user lately. */
  readonly silent: readonly Finding[];
  /** false: the event had been observed before. */
  readonly fresh: boolean;
}

/**
 * What one more event of a user shows, and the history with it. `history` null: nothing is known
 * of the user yet. `dismissed`: matters, as `matterKey` has them, that a person says are none; they
 * are no reason to be silent of others. Pure: the same is the answer on every replica.
 */
export function observe(
  event: SignalEvent,
  history: UserHistory | null,
  groups: readonly string[],
  settings: DetectorSettings,
  dismissed: ReadonlySet<number> = noMatters,
): Observed {
  const before = history ?? emptyHistory;
  const { history: after, fresh } = remember(before, event);
  if (!fresh) return { history: before, findings: [], silent: [], fresh };
  const observation = { event, history: before, groups, settings };
  const atS = secondsOf(event.atMs);
  const findings: Finding[] = [];
  const silent: Finding[] = [];
  const raised: Raised[] = [];
  for (const finding of found(observation)) {
    const fullScore = settings[finding.detector].score;
    const recent = recentOf([...raised, ...before.raised], finding, atS);
    if (wasRaised(recent, finding, fullScore)) continue;
    const others = recent.filter((old) => !dismissed.has(old.key));
    if (isBounded(finding) && others.length >= roomOf(finding, fullScore)) {
      silent.push(finding);
      continue;
    }
    findings.push(finding);
    raised.push(raisedBy(finding, finding.score, atS));
  }
  return { history: withRaised(after, raised), findings, silent, fresh };
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
function raisedBy(finding: Finding, score: number, atS: number): Raised {
  const { detector, outcome, sid } = finding;
  const key = matterKey(finding, score, outcome === 'revoke' ? (sid ?? '') : '');
  return { key, detector: detectorNames.indexOf(detector), atS };
}

/** What a history knows a matter by, at whichever weight it was raised. */
export function matterKeys(matter: Matter, fullScore: number): number[] {
  return scoresFrom(0, fullScore).map((score) => matterKey(matter, score));
}

function matterKey(
  { detector, subject, subjectId, matter }: Matter,
  score: number,
  ends = '',
): number {
  return keyOf(detector, subject, subjectId, matter, ends, String(score));
}
type Matter = Readonly<Record<'detector' | 'subject' | 'subjectId' | 'matter', string>>;

/** What the same detector raised within the half-life. */
function recentOf(raised: readonly Raised[], { detector, halfLifeMs }: Finding, atS: number) {
  const index = detectorNames.indexOf(detector);
  const halfLifeS = halfLifeMs / 1000;
  return raised.filter((old) => old.detector === index && Math.abs(atS - old.atS) < halfLifeS);
}

/** Whether the same was raised, at this weight or a heavier one; a heavier one than before is raised. */
function wasRaised(recent: readonly Raised[], finding: Finding, fullScore: number): boolean {
  const ones = scoresFrom(finding.score, fullScore).map((score) => raisedBy(finding, score, 0).key);
  return recent.some(({ key }) => ones.includes(key));
}

function roomOf({ score }: Finding, fullScore: number): number {
  return score < fullScore ? mattersMax / 2 : mattersMax;
}

function isBounded({ outcome, subject }: Finding): boolean {
  return outcome === 'signal' && subject === 'user';
}
