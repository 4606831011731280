import { printable } from './printable.ts';

/** One column: what stands above it, and what stands in it for a row. */
export interface Column<Row> {
  readonly heading: string;
  readonly cell: (row: Row) => string;
}

const cellCharactersMax = 80;

/** Rows as aligned text with a line of headings, each line ended; says so when there are none. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  if (rows.length === 0) return 'none\n';
  const lines = [
    columns.map((column) => column.heading),
    ...rows.map((row) => columns.map((column) => cellText(column.cell(row)))),
  ];
  const widths = columns.map((_, index) =>
    Math.max(...lines.map((cells) => width(cells[index] ?? ''))),
  );
  return lines.map((cells) => `${line(cells, widths)}\n`).join('');
}

function line(cells: readonly string[], widths: readonly number[]): string {
  return cells
    .map((cell, index) => cell + ' '.repeat((widths[index] ?? 0) - width(cell)))
    .join('  ')
    .trimEnd();
}

function cellText(text: string): string {
  const safe = printable(text);
  if (safe === '') return '-';
  const characters = [...safe];
  return characters.length > cellCharactersMax
    ? `${characters.slice(0, cellCharactersMax - 1).join('')}…`
    : safe;
}

function width(text: string): number {
  return [...text].length;
}

/** Names and values as aligned lines, for one resource. Empty values are left out. */
export function fields(pairs: readonly (readonly [name: string, value: string])[]): string {
  const shown = pairs.filter(([, value]) => value !== '');
  const longest = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(longest)}  ${printable(value)}\n`).join('');
}
