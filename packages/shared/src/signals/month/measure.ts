import { type DetectorName, detectorNames, type Finding } from '../finding.ts';
import type { UserHistory } from '../history.ts';
import { observe } from '../observe.ts';
import type { DetectorSettings } from '../settings.ts';
import { beginningMs } from './diary.ts';
import { monthOf, type UserMonth } from './month.ts';
import type { PersonKind } from './person.ts';

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
  readonly missed: Map<string, number>;
  readonly falseOf: Map<PersonKind, number>;
}
export type Measures = Readonly<Record<DetectorName, Measure>>;

export interface Users {
  readonly seed: number;
  readonly count: number;
  /** 0: those with even numbers, 1: with odd ones. */
  readonly half: 0 | 1;
}

/** The first days only teach: at their beginning nobody has any history. */
export const taughtUntilMs = 3 * 86_400_000;

/** The numbers of one half of the users. */
export function numbersOf({ count, half }: Users): readonly number[] {
  return Array.from({ length: Math.ceil((count - half) / 2) }, (_, i) => 2 * i + half);
}

/** Runs the detectors over the month of every user of the half. */
export function measure(users: Users, settings: DetectorSettings): Measures {
  const measures = noMeasures();
  for (const index of numbersOf(users)) {
    const month = monthOf(users.seed, index);
    const innocent = month.attack === null ? month : monthOf(users.seed, index, false);
    const without = casesOf(innocent, settings);
    const cases = month.attack === null ? without : casesOf(month, settings);
    for (const name of detectorNames) {
      addUser(measures[name], name, month, { cases: cases[name], without: without[name] });
    }
  }
  return measures;
}

/** Adds one user: the findings by matter, with the attack and in the same month without it. */
export function addUser(
  measure: Measure,
  name: DetectorName,
  { attack, kind }: UserMonth,
  { cases, without }: { readonly cases: Cases; readonly without: Cases },
): void {
  const right = [...cases.keys()].filter((matter) => attack !== null && !without.has(matter));
  measure.cases += cases.size;
  measure.right += right.length;
  for (const findings of cases.values()) measure.findings += findings;
  if (cases.size > right.length) count(measure.falseOf, kind, cases.size - right.length);
  if (attack?.meantFor.includes(name) !== true) return;
  measure.attacks += 1;
  if (right.length > 0) measure.found += 1;
  else count(measure.missed, attack.near ? `${attack.kind} from near` : attack.kind, 1);
}

/** How many findings there are of each matter. */
export type Cases = ReadonlyMap<string, number>;

function casesOf(month: UserMonth, settings: DetectorSettings): Record<DetectorName, Cases> {
  const cases = byDetector(() => new Map<string, number>());
  let history: UserHistory | null = null;
  for (const event of month.events) {
    const seen = observe(event, history, [], settings);
    history = seen.history;
    if (event.atMs < beginningMs + taughtUntilMs) continue;
    for (const finding of seen.findings) count(cases[finding.detector], caseOf(finding), 1);
  }
  return cases;
}

/** What findings of one detector have in common that are one case. */
export function caseOf(finding: Finding): string {
  return `${finding.subjectId} ${finding.matter}`;
}

function noMeasures(): Measures {
  return byDetector(() => noMeasure());
}

export function noMeasure(): Measure {
  return {
    attacks: 0,
    found: 0,
    cases: 0,
    right: 0,
    findings: 0,
    missed: new Map(),
    falseOf: new Map(),
  };
}

function byDetector<Value>(make: () => Value): Record<DetectorName, Value> {
  return Object.fromEntries(detectorNames.map((name) => [name, make()])) as Record<
    DetectorName,
    Value
  >;
}

function count<Key>(counts: Map<Key, number>, key: Key, more: number): void {
  counts.set(key, (counts.get(key) ?? 0) + more);
}
