import { lanes } from '@sallyport/shared/state/model';
import { type Json, show, showDuration, showTime } from './client/reading.ts';
import type { Column } from './output/table.ts';

/** Columns of the list of edges: how far each one is, and how it stands. */
export function edgeColumns(edges: readonly Json[]): readonly Column<Json>[] {
  const shown = lanes.filter((lane) => edges.some((edge) => enforcedRev(edge, lane) !== ''));
  return [
    { heading: 'ID', cell: (edge) => show(edge, 'id') },
    { heading: 'REGION', cell: (edge) => show(edge, 'region') },
    {
      heading: 'CONNECTED',
      cell: (edge) => (edge['blocked'] === true ? 'blocked' : show(edge, 'connected')),
    },
    ...shown.map((lane) => ({
      heading: lane.toUpperCase(),
      cell: (edge: Json) => enforcedRev(edge, lane),
    })),
    { heading: 'LAG', cell: (edge) => lagOf(edge, shown) },
    { heading: 'AGE', cell: (edge) => ageOf(edge, shown) },
    { heading: 'DIGEST', cell: (edge) => digestOf(edge, shown) },
    { heading: 'BY', cell: (edge) => show(laneOf(edge, 'revoke'), 'path') },
    { heading: 'LAST NACK', cell: (edge) => nacksOf(edge) },
    { heading: 'LAST SEEN', cell: (edge) => showTime(edge, 'lastSeenAt') },
  ];
}

function laneOf(edge: Json, lane: string): Json {
  return objectOf(objectOf(edge, 'lanes'), lane);
}

function objectOf(from: Json, field: string): Json {
  const value = from[field];
  return typeof value === 'object' && value !== null ? (value as Json) : {};
}

/** Without the epoch, which is long and the same nearly always; the lag says where it is not. */
function enforcedRev(edge: Json, lane: string): string {
  return show(objectOf(laneOf(edge, lane), 'enforced'), 'rev');
}

/** Revisions behind this replica over all lanes, and the longest time. */
function lagOf(edge: Json, shown: readonly string[]): string {
  const found = shown.map((lane) => laneOf(edge, lane));
  if (found.some(({ lagRevisions }) => typeof lagRevisions !== 'number')) return '?';
  const revisions = found.reduce((sum, lane) => sum + Number(lane['lagRevisions']), 0);
  if (revisions === 0) return '0';
  const times = found.flatMap(({ lagMs }) => (typeof lagMs === 'number' ? [lagMs] : []));
  return times.length === 0
    ? String(revisions)
    : `${revisions}, ${showDuration(Math.max(...times))}`;
}

/** Of the oldest lane at the most. Of an edge that is gone nobody knows: it may hear by the bus. */
function ageOf(edge: Json, shown: readonly string[]): string {
  if (edge['connected'] !== true) return '';
  const ages = shown.flatMap((lane) => {
    const { stalenessMs } = laneOf(edge, lane);
    return typeof stalenessMs === 'number' ? [stalenessMs] : [];
  });
  return ages.length === 0 ? '' : showDuration(Math.max(...ages));
}

/**
 * Whether the edge's rows are ours: no lane says otherwise, and at least one was compared. What an
 * edge said before it was gone says nothing of now.
 */
function digestOf(edge: Json, shown: readonly string[]): string {
  if (edge['connected'] !== true) return '';
  const said = shown.map((lane) => ({ lane, agrees: laneOf(edge, lane)['digestAgrees'] }));
  const differ = said.filter(({ agrees }) => agrees === false).map(({ lane }) => lane);
  if (differ.length > 0) return `DIFFERS: ${differ.join(', ')}`;
  return said.some(({ agrees }) => agrees === true) ? 'agrees' : '';
}

function nacksOf(edge: Json): string {
  return lanes
    .flatMap((lane) => {
      const code = show(objectOf(laneOf(edge, lane), 'nack'), 'code');
      return code === '' ? [] : [`${lane} ${code}`];
    })
    .join(', ');
}
