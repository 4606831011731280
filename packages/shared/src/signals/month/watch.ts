import type { Signal } from '../../state/model.ts';
import { alarmScore } from '../confidence.ts';
import type { SignalEvent } from '../events.ts';
import { type DetectorName, detectorNames, type Finding } from '../finding.ts';
import type { UserHistory } from '../history.ts';
import { observe } from '../observe.ts';
import { riskOf, signalValue } from '../risk.ts';
import type { DetectorSettings } from '../settings.ts';
import { beginningMs, dayMs } from './diary.ts';
import type { UserMonth } from './month.ts';

/** The first days only teach: at their beginning nobody has any history. */
export const taughtUntilMs = 3 * dayMs;

/** What detectors and the risk show of a user's month. */
export interface Watched {
  readonly cases: Readonly<Record<DetectorName, Cases>>;
  /** Sign-ins and sightings at which the risk was `alarmScore` or more, and on which days. */
  readonly alarmed: ReadonlySet<string>;
  readonly alarmedDays: ReadonlySet<number>;
}

/** Runs the detectors over the month, and reckons the risk as edges do at each sign-in and sighting. */
export function watch(month: UserMonth, settings: DetectorSettings): Watched {
  const cases = byDetector(() => new Map<string, Case>());
  const alarmed = new Set<string>();
  const alarmedDays = new Set<number>();
  const lane = new Map<string, Signal>();
  let history: UserHistory | null = null;
  for (const event of month.events) {
    const seen = observe(event, history, [], settings);
    history = seen.history;
    if (event.atMs < beginningMs + taughtUntilMs) continue;
    for (const finding of seen.findings) {
      const own = cases[finding.detector];
      own.set(caseOf(finding), caseWith(own.get(caseOf(finding)), finding, event.atMs));
      const { detector, subject, subjectId } = finding;
      lane.set(`${detector} ${subject} ${subjectId}`, signalOf(finding, event.atMs));
    }
    if (event.kind !== 'sighted' && event.kind !== 'signed_in') continue;
    const ids: readonly (string | null)[] = [event.userId, event.deviceId, event.sid];
    const own = [...lane.values()].filter(({ subjectId }) => ids.includes(subjectId));
    if (own.length === 0 || riskOf(own, event.atMs).score < alarmScore) continue;
    alarmed.add(event.id);
    alarmedDays.add(dayOf(event));
  }
  return { cases, alarmed, alarmedDays };
}

function dayOf({ atMs }: SignalEvent): number {
  return Math.floor((atMs - beginningMs) / dayMs);
}

function signalOf(finding: Finding, observedAtMs: number): Signal {
  const { subject, subjectId, detector: name } = finding;
  const expiresAtMs = Number.MAX_SAFE_INTEGER;
  const value = signalValue(finding);
  return { op: 'signal', subject, subjectId, name, value, observedAtMs, expiresAtMs };
}

/** What there is of one matter. */
export interface Case {
  readonly findings: number;
  /** The highest. */
  readonly score: number;
  /** Of the first finding, from 0. */
  readonly week: number;
}
export type Cases = ReadonlyMap<string, Case>;

/** The case with one finding more. */
export function caseWith(known: Case | undefined, { score }: Finding, atMs: number): Case {
  const week = Math.floor((atMs - beginningMs) / (7 * dayMs));
  return {
    findings: (known?.findings ?? 0) + 1,
    score: Math.max(known?.score ?? 0, score),
    week: known?.week ?? week,
  };
}

/** What findings of one detector have in common that are one case. */
export function caseOf(finding: Finding): string {
  return `${finding.subjectId} ${finding.matter}`;
}

/** Something for each detector. */
export function byDetector<Value>(make: () => Value): Record<DetectorName, Value> {
  return Object.fromEntries(detectorNames.map((name) => [name, make()])) as Record<
    DetectorName,
    Value
  >;
}
