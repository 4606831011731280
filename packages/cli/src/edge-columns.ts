import { lanes } from '@sallyport/shared/state/model';
import { type Json, show, showTime } from './client/reading.ts';
import type { Column } from './output/table.ts';

interface Place {
  readonly epoch: number;
  readonly rev: number;
}

/**
 * Columns of the list of edges. The API tells where each edge is, not where the log is, so the lag
 * is counted from the edge that is furthest.
 */
export function edgeColumns(edges: readonly Json[]): readonly Column<Json>[] {
  const shown = lanes.filter((lane) => edges.some((edge) => enforcedOf(edge, lane) !== null));
  const furthest = new Map(
    shown.map((lane) => [lane, edges.map((edge) => enforcedOf(edge, lane)).reduce(further, null)]),
  );
  return [
    { heading: 'ID', cell: (edge) => show(edge, 'id') },
    { heading: 'REGION', cell: (edge) => show(edge, 'region') },
    {
      heading: 'CONNECTED',
      cell: (edge) => (edge['blocked'] === true ? 'blocked' : show(edge, 'connected')),
    },
    ...shown.map((lane) => ({
      heading: lane.toUpperCase(),
      cell: (edge: Json) => revision(enforcedOf(edge, lane)),
    })),
    { heading: 'LAG', cell: (edge) => lag(edge, shown, furthest) },
    { heading: 'LAST SEEN', cell: (edge) => showTime(edge, 'lastSeenAt') },
  ];
}

function enforcedOf(edge: Json, lane: string): Place | null {
  const status = (edge['lanes'] as Json | undefined)?.[lane] as Json | undefined;
  const position = status?.['enforced'] as Partial<Place> | null | undefined;
  return typeof position?.epoch === 'number' && typeof position.rev === 'number'
    ? { epoch: position.epoch, rev: position.rev }
    : null;
}

function further(one: Place | null, other: Place | null): Place | null {
  if (one === null || other === null) return one ?? other;
  const later = other.epoch === one.epoch ? other.rev > one.rev : other.epoch > one.epoch;
  return later ? other : one;
}

/** Without the epoch, which is long and the same nearly always; the lag says where it is not. */
function revision(position: Place | null): string {
  return position === null ? '' : String(position.rev);
}

/** Revisions behind the furthest edge, over all lanes; another epoch cannot be counted. */
function lag(
  edge: Json,
  shown: readonly string[],
  furthest: ReadonlyMap<string, Place | null>,
): string {
  let behind = 0;
  for (const lane of shown) {
    const [here, there] = [enforcedOf(edge, lane), furthest.get(lane) ?? null];
    if (there === null) continue;
    if (here === null) return 'unknown';
    if (here.epoch !== there.epoch) return 'other epoch';
    behind += there.rev - here.rev;
  }
  return String(behind);
}
