import { alarmScore } from '../confidence.ts';
import { type DetectorName, detectorNames } from '../finding.ts';
import type { DetectorSettings } from '../settings.ts';
import type { Measured } from './measure.ts';

/** The table of what the detectors noticed, for people. */
export function report(
  { measures, together }: Measured,
  settings: DetectorSettings,
  users: number,
): string {
  const head = [
    'detector',
    'thresholds',
    'attacks',
    'found',
    'recall',
    'cases',
    'right',
    'precision',
    'false per 1,000',
    'detectable',
    'recall of them',
  ];
  const rows = detectorNames.map((name) => {
    const { attacks, found, cases, right, detectable } = measures[name];
    return [
      name,
      thresholdsOf(settings[name]),
      attacks,
      found,
      share(found, attacks),
      cases,
      right,
      share(right, cases),
      (((cases - right) * 1000) / users).toFixed(1),
      detectable,
      share(found, detectable),
    ].map(String);
  });
  const remarks = detectorNames.flatMap((name) => [
    ...remark(`${name}, missed`, measures[name].missed),
    ...remark(`${name}, false`, measures[name].falseOf),
    `${name}, false by week: ${Array.from(measures[name].falseByWeek, (many) => many ?? 0).join(', ')}`,
  ]);
  const alarmHead = [`score >= ${String(alarmScore)}`, '', ...head.slice(2, 8)];
  const alarms = detectorNames
    .filter((name) => measures[name].alarms.cases > 0)
    .map((name) => {
      const {
        attacks,
        alarms: { found, cases, right },
      } = measures[name];
      const [recall, precision] = [share(found, attacks), share(right, cases)];
      const wrong = (((cases - right) * 1000) / users).toFixed(1);
      return [name, '', attacks, found, recall, cases, right, precision, wrong].map(String);
    });
  alarmHead.push('false per 1,000');
  const { takeovers, stopped, detectable, disturbed, days } = together;
  const policy = [
    `risk >= ${String(alarmScore)}, all together: ${String(stopped)} of ${String(takeovers)} takeovers met it (${share(stopped, takeovers)}), ${String(detectable)} could be shown at all (${share(stopped, detectable)} of them);`,
    `without an attack ${((disturbed * 1000) / users).toFixed(1)} of 1,000 users met it, on ${((days * 1000) / users).toFixed(1)} days`,
  ];
  const tables = [...table([head, ...rows]), '', ...table([alarmHead, ...alarms])];
  return [...tables, '', ...policy, '', ...remarks].join('\n');
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
