import { alarmScore } from '../confidence.ts';
import { type DetectorName, detectorNames } from '../finding.ts';
import type { DetectorSettings } from '../settings.ts';
import { isDetectable } from './detectable.ts';
import { monthOf, type UserMonth } from './month.ts';
import type { PersonKind } from './person.ts';
import { addTogether, noTogether, type Together } from './together.ts';
import { byDetector, type Cases, watch } from './watch.ts';

/**
 * What a detector noticed of the attacks that it is meant for, and what else it raised. A case is
 * what one user's findings of one matter are together: what somebody looks at once, and dismisses.
 */
export interface Measure {
  attacks: number;
  /** Of the attacks. */
  found: number;
  cases: number;
  /** Of the cases: those that are not there in the same month without the attack. */
  right: number;
  findings: number;
  /** Attacks that somebody who knew which events were the attacker's could show. */
  detectable: number;
  /** Of cases with a finding of `alarmScore` or more. */
  readonly alarms: { found: number; cases: number; right: number };
  /** False cases by the week of their first finding. */
  readonly falseByWeek: number[];
  readonly missed: Map<string, number>;
  readonly falseOf: Map<PersonKind, number>;
}
export type Measures = Readonly<Record<DetectorName, Measure>>;

export interface Measured {
  readonly measures: Measures;
  readonly together: Together;
}

export interface Users {
  readonly seed: number;
  readonly count: number;
  /** 0: those with even numbers, 1: with odd ones. */
  readonly half: 0 | 1;
}

/** The numbers of one half of the users. */
export function numbersOf({ count, half }: Users): readonly number[] {
  return Array.from({ length: Math.ceil((count - half) / 2) }, (_, i) => 2 * i + half);
}

/** Runs the detectors over the month of every user of the half. */
export function measure(users: Users, settings: DetectorSettings): Measured {
  const measures = byDetector(() => noMeasure());
  const together = noTogether();
  for (const index of numbersOf(users)) {
    const month = monthOf(users.seed, index);
    const innocent = month.attack === null ? month : monthOf(users.seed, index, false);
    const without = watch(innocent, settings);
    const seen = month.attack === null ? without : watch(month, settings);
    addTogether(together, month, innocent, seen, without);
    for (const name of detectorNames) {
      const detectable = isDetectable(name, month, innocent, settings);
      addUser(measures[name], name, month, {
        cases: seen.cases[name],
        without: without.cases[name],
        detectable,
      });
    }
  }
  return { measures, together };
}

interface Seen {
  readonly cases: Cases;
  readonly without: Cases;
  readonly detectable?: boolean;
}

/** Adds one user: the findings by matter, with the attack and in the same month without it. */
export function addUser(
  measure: Measure,
  name: DetectorName,
  { attack, kind }: UserMonth,
  { cases, without, detectable = true }: Seen,
): void {
  const isRight = (matter: string) => attack !== null && !without.has(matter);
  const right = [...cases.keys()].filter(isRight);
  // A case that was none of weight without the attack may become one by it.
  const alarms = [...cases].filter(([, { score }]) => score >= alarmScore);
  const rightAlarms = alarms.filter(
    ([matter]) => attack !== null && (without.get(matter)?.score ?? 0) < alarmScore,
  );
  measure.cases += cases.size;
  measure.right += right.length;
  measure.alarms.cases += alarms.length;
  measure.alarms.right += rightAlarms.length;
  for (const [matter, { findings, week }] of cases) {
    measure.findings += findings;
    if (!isRight(matter)) measure.falseByWeek[week] = (measure.falseByWeek[week] ?? 0) + 1;
  }
  if (cases.size > right.length) count(measure.falseOf, kind, cases.size - right.length);
  if (attack?.meantFor.includes(name) !== true) return;
  measure.attacks += 1;
  if (detectable) measure.detectable += 1;
  if (rightAlarms.length > 0) measure.alarms.found += 1;
  if (right.length > 0) measure.found += 1;
  else {
    const from = attack.near ? `${attack.kind} from near` : attack.kind;
    count(measure.missed, detectable ? from : `${from} (undetectable)`, 1);
  }
}

export function noMeasure(): Measure {
  return {
    attacks: 0,
    found: 0,
    cases: 0,
    right: 0,
    findings: 0,
    detectable: 0,
    alarms: { found: 0, cases: 0, right: 0 },
    falseByWeek: [],
    missed: new Map(),
    falseOf: new Map(),
  };
}

function count<Key>(counts: Map<Key, number>, key: Key, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
