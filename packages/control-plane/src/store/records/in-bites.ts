/** A row, and how many bytes of an answer it is. */
interface Sized {
  readonly bytes: number;
}

/** As many as a page has bytes to, where each row is as large as a record can be. */
const firstMax = 8;

/**
 * Reads up to `limit` rows and ends with the one that makes them `bytesMax`: few at first, and then as
 * many as those before let expect, so that large ones are not read all at once. `read` gives the rows
 * after one; fewer than it is asked for where there are no more.
 */
export async function readInBites<Row extends Sized>(
  limit: number,
  bytesMax: number,
  read: (last: Row | undefined, limit: number) => Promise<readonly Row[]>,
): Promise<Row[]> {
  const rows: Row[] = [];
  let bytes = 0;
  let bite = bytesMax === Number.POSITIVE_INFINITY ? limit : Math.min(limit, firstMax);
  while (bite > 0) {
    const found = await read(rows.at(-1), bite);
    for (const row of found) {
      rows.push(row);
      bytes += row.bytes;
      if (bytes >= bytesMax) return rows;
    }
    if (found.length < bite) break;
    const expected = Math.ceil((bytesMax - bytes) / (bytes / rows.length));
    bite = Math.min(limit - rows.length, expected);
  }
  return rows;
}

export function bytesOf(rows: readonly Sized[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}
