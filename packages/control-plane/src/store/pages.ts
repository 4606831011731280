/** Rows read at a time, so that a table of any size passes through little memory. */
export const pageRows = 2_000;

/** Reads a table page by page; `fetch` gives at most `pageRows` rows after the key, in its order. */
export async function* pages<Row>(
  fetch: (after: string | null) => Promise<readonly Row[]>,
  keyOf: (row: Row) => string,
): AsyncGenerator<readonly Row[]> {
  let after: string | null = null;
  for (;;) {
    const rows: readonly Row[] = await fetch(after);
    if (rows.length > 0) yield rows;
    const last = rows.at(-1);
    if (last === undefined || rows.length < pageRows) return;
    after = keyOf(last);
  }
}
