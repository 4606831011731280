import { detectors } from '../detectors/index.ts';
import type { DetectorName } from '../finding.ts';
import { emptyHistory, remember, type UserHistory } from '../history.ts';
import { type DetectorSettings, defaultSettings } from '../settings.ts';
import { beginningMs, minuteMs } from './diary.ts';
import { addUser, type Measure, noMeasure, numbersOf, type Users } from './measure.ts';
import { monthOf, type UserMonth } from './month.ts';
import { type Case, type Cases, caseOf, caseWith, taughtUntilMs } from './watch.ts';

/** The loosest of them notices whatever any of the others does. */
interface Grid {
  readonly name: DetectorName;
  readonly loosest: DetectorSettings;
  readonly tried: readonly DetectorSettings[];
}

const speeds = [700, 800, 900, 1000, 1200, 1500];
const distances = [100, 200, 300, 500, 800];
const grids: readonly Grid[] = [
  gridOf('impossible-travel', 'speedKmhMax', speeds, 'distanceKmMin', distances),
  gridOf('distant-sessions', 'speedKmhMax', speeds, 'distanceKmMin', distances),
  gridOf(
    'failed-sign-ins',
    'count',
    [4, 5, 6, 8, 10, 12],
    'windowMs',
    [60, 30, 10, 5].map((minutes) => minutes * minuteMs),
  ),
  gridOf(
    'denial-burst',
    'count',
    [10, 20, 30, 40, 60],
    'windowMs',
    [30, 10, 5, 2].map((minutes) => minutes * minuteMs),
  ),
];

/** The settings whose findings were best over these users, for each detector by itself. */
export function choose(users: Users): DetectorSettings {
  const measures = grids.map(({ tried }) => tried.map(() => noMeasure()));
  for (const index of numbersOf(users)) {
    const month = monthOf(users.seed, index);
    const without = trials(month.attack === null ? month : monthOf(users.seed, index, false));
    const trial = month.attack === null ? without : trials(month);
    for (const [g, { name, tried }] of grids.entries()) {
      for (const i of tried.keys()) {
        const seen = { cases: at(trial, g, i), without: at(without, g, i) };
        addUser(at(measures, g, i), name, month, seen);
      }
    }
  }
  return grids.reduce((settings, { name, tried }, g) => {
    const scores = tried.map((_, i) => quality(at(measures, g, i)));
    const best = tried[scores.indexOf(Math.max(...scores))];
    return { ...settings, [name]: best?.[name] };
  }, defaultSettings);
}

/** Between 0 and 1: precision and recall in one number (their harmonic mean). */
export function quality({ attacks, found, cases, right }: Measure): number {
  const [precision, recall] = [right / Math.max(1, cases), found / Math.max(1, attacks)];
  return precision + recall === 0 ? 0 : (2 * precision * recall) / (precision + recall);
}

function trials(month: UserMonth): readonly (readonly Cases[])[] {
  const cases = grids.map(({ tried }) => tried.map(() => new Map<string, Case>()));
  let history: UserHistory = emptyHistory;
  for (const event of month.events) {
    const before = history;
    const next = remember(before, event);
    history = next.history;
    if (!next.fresh || event.atMs < beginningMs + taughtUntilMs) continue;
    for (const [g, { name, loosest, tried }] of grids.entries()) {
      const detector = detectors.find((one) => one.name === name);
      const look = (settings: DetectorSettings) =>
        detector?.kinds.has(event.kind) === true
          ? detector.observe({ event, history: before, groups: [], settings })
          : null;
      if (look(loosest) === null) continue;
      for (const [i, settings] of tried.entries()) {
        const finding = look(settings);
        if (finding === null) continue;
        const own = at(cases, g, i);
        own.set(caseOf(finding), caseWith(own.get(caseOf(finding)), finding, event.atMs));
      }
    }
  }
  return cases;
}

function gridOf(
  name: DetectorName,
  first: string,
  firsts: readonly number[],
  second: string,
  seconds: readonly number[],
): Grid {
  const tried = firsts.flatMap((one) =>
    seconds.map((two) => ({
      ...defaultSettings,
      [name]: { ...defaultSettings[name], [first]: one, [second]: two },
    })),
  );
  return { name, tried, loosest: tried[0] ?? defaultSettings };
}

function at<Item>(table: readonly (readonly Item[])[], row: number, column: number): Item {
  const item = table[row]?.[column];
  if (item === undefined) throw new RangeError('outside of the table');
  return item;
}
