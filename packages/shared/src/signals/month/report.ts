import { type DetectorName, detectorNames } from '../finding.ts';
import type { DetectorSettings } from '../settings.ts';
import type { Measures } from './measure.ts';

/** The table of what the detectors noticed, for people. */
export function report(measures: Measures, settings: DetectorSettings, users: number): string {
  const head = [
    'detector',
    'thresholds',
    'attacks',
    'found',
    'recall',
    'cases',
    'right',
    'precision',
    'findings',
    'false cases per 1,000 users',
  ];
  const rows = detectorNames.map((name) => {
    const { attacks, found, cases, right, findings } = measures[name];
    return [
      name,
      thresholdsOf(settings[name]),
      attacks,
      found,
      share(found, attacks),
      cases,
      right,
      share(right, cases),
      findings,
      (((cases - right) * 1000) / users).toFixed(1),
    ].map(String);
  });
  const remarks = detectorNames.flatMap((name) => [
    ...remark(`${name}, missed`, measures[name].missed),
    ...remark(`${name}, false`, measures[name].falseOf),
  ]);
  return [...table([head, ...rows]), '', ...remarks].join('\n');
}

/** A share with two digits; none of nothing. */
export function share(part: number, whole: number): string {
  return whole === 0 ? '-' : (part / whole).toFixed(2);
}

function thresholdsOf(settings: DetectorSettings[DetectorName]): string {
  if ('speedKmhMax' in settings) {
    return `${String(settings.speedKmhMax)} km/h, ${String(settings.distanceKmMin)} km`;
  }
  if (!('count' in settings)) return '';
  return `${String(settings.count)} in ${String(settings.windowMs / 60_000)} min`;
}

function remark(title: string, counts: ReadonlyMap<string, number>): readonly string[] {
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  const words = sorted.map(([name, many]) => `${name} ${String(many)}`).join(', ');
  return words === '' ? [] : [`${title}: ${words}`];
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
