import { type Json, readObject, readObjects, show } from './client/reading.ts';
import { type Column, table } from './output/table.ts';

const rowsMax = 20;

/** The four ways in which a candidate can answer otherwise than the live version. */
const ways = [
  ['lost', 'loses access'],
  ['gained', 'gains access'],
  ['askedMore', 'is asked to confirm and was not'],
  ['askedLess', 'is no longer asked to confirm'],
] as const;

/** Who gains and who loses, by user, rule, route and reason, for a person. */
export function describeDifferences(report: Json): string {
  const parts = ways.flatMap(([field, words]) => {
    const found = readObject(report[field], `"${field}"`);
    return Number(found['requests']) === 0 ? [] : [describeWay(found, words)];
  });
  return parts.length === 0 ? 'nobody gains and nobody loses access\n' : parts.join('\n');
}

function describeWay(found: Json, words: string): string {
  const head = `Who ${words} (users: ${show(found, 'users')}, requests: ${show(found, 'requests')}):\n`;
  const more = typeof found['more'] === 'object' ? (found['more'] as Json) : {};
  const lists = [
    rows(
      'USER',
      found,
      'byUser',
      more['users'],
      (row) => show(row, 'email') || show(row, 'user') || show(row, 'device'),
    ),
    rows('ROUTE', found, 'byRoute', more['routes'], (row) => show(row, 'route')),
    rows(
      'RULE',
      found,
      'byRule',
      more['rules'],
      (row) => `${show(row, 'rule')} (${show(row, 'side')})`,
    ),
    rows('REASON', found, 'byReason', 0, (row) => show(row, 'reason')),
  ];
  return [head, ...lists.filter((list) => list !== '')].join('\n');
}

function rows(
  heading: string,
  found: Json,
  field: string,
  leftOut: unknown,
  name: (row: Json) => string,
): string {
  const all = readObjects(found, field);
  if (all.length === 0) return '';
  const columns: readonly Column<Json>[] = [
    { heading, cell: name },
    { heading: 'REQUESTS', cell: (row) => show(row, 'requests') },
    { heading: 'EXAMPLE', cell: firstExample },
  ];
  const rest = Math.max(0, all.length - rowsMax) + (typeof leftOut === 'number' ? leftOut : 0);
  return `${table(columns, all.slice(0, rowsMax))}${rest === 0 ? '' : `and ${rest} more\n`}`;
}

function firstExample({ examples }: Json): string {
  const first: unknown = Array.isArray(examples) ? examples[0] : undefined;
  return typeof first === 'string' ? first : '';
}
