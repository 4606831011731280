import { type Json, readObjects, show, showTime } from '../client/reading.ts';
import { type Column, table } from './table.ts';

/** What the edges made of a revocation or a lift that was waited for. */
export function describeReceipts(committed: Json): string {
  const receipts = readObjects(committed, 'receipts');
  if (receipts.length === 0) return 'there is no edge to enforce it';
  const late = receipts.filter((row) => row['fencedBy'] !== undefined);
  const rows = table(
    [
      { heading: 'EDGE', cell: (row) => show(row, 'edgeId') },
      { heading: 'REGION', cell: (row) => show(row, 'region') },
      { heading: 'STATUS', cell: (row) => show(row, 'status') },
      { heading: 'TOOK', cell: took },
      { heading: 'PATH', cell: (row) => show(row, 'path') },
      ...(late.length > 0 ? [fencedBy] : []),
    ],
    receipts,
  );
  if (committed['enforced'] === true) return `${rows}enforced on every edge`;
  return [`${rows}NOT yet enforced on every edge`, ...warnings(late)].join('\n');
}

const fencedBy: Column<Json> = {
  heading: 'CLOSED BY',
  cell: (row) => (row['fencedBy'] === null ? 'NEVER' : showTime(row, 'fencedBy')),
};

/** What becomes of edges that stay cut off. */
function warnings(late: readonly Json[]): readonly string[] {
  const open = late.filter((row) => row['fencedBy'] === null).map((row) => show(row, 'edgeId'));
  const said: string[] = [];
  if (open.length < late.length) {
    said.push('an edge that stays cut off lets nobody in any more from CLOSED BY on');
  }
  if (open.length > 0) {
    said.push(
      `these NEVER close by themselves, because a route of theirs serves without end: ${open.join(', ')}`,
      'stop them or cut them off',
    );
  }
  return said;
}

function took({ tookMs }: Json): string {
  if (typeof tookMs !== 'number') return '';
  return `${tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs)} ms`;
}
