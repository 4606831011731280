import type { Page } from '../client/pages.ts';
import type { Json } from '../client/reading.ts';
import type { Output } from './output.ts';
import { type Column, table } from './table.ts';

/** Writes a list: a table, and how to see more; with `--json` what the API gave. */
export function writeRows(output: Output, columns: readonly Column<Json>[], page: Page): void {
  output.result(page, () => table(columns, page.items));
  if (page.nextCursor !== null) output.note(`more: --cursor ${page.nextCursor}`);
}
