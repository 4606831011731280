import { type Json, readObject, readObjects, show } from './client/reading.ts';
import { printableLines } from './output/printable.ts';
import { table } from './output/table.ts';

/**
 * What an answer of config:apply or config:rollback says, for a person. `became`: what is said of
 * the version in place of its state.
 */
export function describeApplied(answer: Json, became?: string): string {
  const dryRun = answer['dryRun'] === true;
  const changed = readObjects(answer, 'changed');
  if (changed.length === 0) return dryRun ? 'nothing would change' : 'nothing changed';
  const parts = [
    table(
      [
        { heading: 'CHANGE', cell: (row) => show(row, 'change') },
        { heading: 'KIND', cell: (row) => show(row, 'kind') },
        { heading: 'NAME', cell: (row) => show(row, 'name') },
      ],
      changed,
    ),
    ...(Array.isArray(answer['diff']) ? [describeDiff(readObjects(answer, 'diff'))] : []),
    describeAffected(answer),
    dryRun ? 'nothing was applied (dry run)' : describeState(answer, became),
  ];
  return parts.filter((part) => part !== '').join('');
}

/** Whether the new version waits for somebody else before edges decide by it. */
export function waitsForApproval(answer: Json): boolean {
  const needed = answer['needsApproval'];
  return answer['dryRun'] !== true && Array.isArray(needed) && needed.length > 0;
}

function describeState(answer: Json, became: string | undefined): string {
  const version = show(answer, 'version');
  if (became !== undefined) return `version ${version} ${became}`;
  if (waitsForApproval(answer)) {
    const why = show(answer, 'needsApproval')
      .replace('blast_radius', 'those who lose access')
      .replace('guards', 'less is asked for before the next version');
    const then = answer['state'] === 'candidate' ? `, then sallyport rollout start ${version}` : '';
    return `version ${version} waits for another person (${why}): sallyport policy approve ${version}${then}`;
  }
  if (answer['state'] !== 'candidate') return `version ${version}`;
  return `version ${version} is a candidate, and nobody decides by it: sallyport policy shadow start ${version}, sallyport rollout start ${version}`;
}

/** Who would have lost access, by what they asked for lately. */
function describeAffected(answer: Json): string {
  if (answer['affected'] === null || answer['affected'] === undefined) return '';
  const affected = readObject(answer['affected'], 'who loses access');
  const limit = affected['limit'];
  const of = typeof limit === 'number' ? `, ${percent(limit)} may without a second person` : '';
  const days = Number(affected['windowSeconds']) / 86_400;
  const window = Number.isFinite(days) ? ` in the last ${Math.round(days * 10) / 10} days` : '';
  if (affected['active'] === 0)
    return `nobody was active${window}, so who would lose access is not known\n`;
  const line = `${show(affected, 'lose')} of ${show(affected, 'active')} users active${window} would have lost access (${percent(affected['share'])}${of})\n`;
  const examples = readObjects(affected, 'examples');
  if (examples.length === 0) return line;
  return `${line}${table(
    [
      { heading: 'LOSES', cell: (row) => show(row, 'email') || show(row, 'user') },
      { heading: 'ROUTE', cell: (row) => show(row, 'route') },
      {
        heading: 'REQUEST',
        cell: (row) => `${show(row, 'method')} ${show(row, 'host')}${show(row, 'path')}`,
      },
      { heading: 'REASON', cell: (row) => show(row, 'reason') },
      { heading: 'CORRELATION ID', cell: (row) => show(row, 'correlationId') },
    ],
    examples,
  )}`;
}

function percent(share: unknown): string {
  return `${Math.round(Number(share) * 1000) / 10} %`;
}

/** Documents that differ, each as a unified diff. */
export function describeDiff(documents: readonly Json[]): string {
  return documents
    .map((document) => {
      const title = `${show(document, 'change')} ${show(document, 'kind')}/${show(document, 'name')}`;
      return printableLines(`${title}\n${show(document, 'diff').trimEnd()}\n`);
    })
    .join('\n');
}
