import { desc, type SQL, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';

/** One page of a list that is ordered by an instant and an id, newest first. */
export interface PageRequest {
  /** The query gives one row more where there is one, so that the caller knows of a next page. */
  readonly limit: number;
  /** The last row of the page before; null: from the start. */
  readonly after: readonly [number, string] | null;
}

/** Where the page begins. */
export function afterCursor(page: PageRequest, at: PgColumn, id: PgColumn): SQL | undefined {
  if (page.after === null) return undefined;
  const [lastAt, lastId] = page.after;
  return sql`(${at}, ${id}) < (${lastAt}::bigint, ${lastId})`;
}

export function newestFirst(at: PgColumn, id: PgColumn): [SQL, SQL] {
  return [desc(at), desc(id)];
}

/** Condition: the column contains the text, without case. Nothing in the text is a wildcard. */
export function contains(column: PgColumn, text: string): SQL {
  const pattern = `%${text.replaceAll(/[\\%_]/g, String.raw`\$&`)}%`;
  return sql`${column} ilike ${pattern}`;
}
