import { type Json, readObjects, show } from '../client/reading.ts';
import { table } from './table.ts';

/** What the edges made of a revocation or a lift that was waited for. */
export function describeReceipts(committed: Json): string {
  const receipts = readObjects(committed, 'receipts');
  if (receipts.length === 0) return 'there is no edge to enforce it';
  const rows = table(
    [
      { heading: 'EDGE', cell: (row) => show(row, 'edgeId') },
      { heading: 'REGION', cell: (row) => show(row, 'region') },
      { heading: 'STATUS', cell: (row) => show(row, 'status') },
      { heading: 'TOOK', cell: took },
      { heading: 'PATH', cell: (row) => show(row, 'path') },
    ],
    receipts,
  );
  const all = committed['enforced'] === true;
  return `${rows}${all ? 'enforced on every edge' : 'NOT yet enforced on every edge'}`;
}

function took({ tookMs }: Json): string {
  if (typeof tookMs !== 'number') return '';
  return `${tookMs < 10 ? tookMs.toFixed(1) : Math.round(tookMs)} ms`;
}
