/**
 * Counts by codes of ours, which are few: a request costs a look-up for each, and the metric is made
 * of them when somebody asks.
 */
export class CodeCounts {
  readonly #counts = new Map<string, number>();

  add(code: string, by = 1): void {
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + by);
  }

  entries(): Iterable<readonly [code: string, count: number]> {
    return this.#counts;
  }
}

/** The same by two codes. */
export class PairCounts {
  readonly #rows = new Map<string, CodeCounts>();

  add(first: string, second: string): void {
    let row = this.#rows.get(first);
    if (row === undefined) this.#rows.set(first, (row = new CodeCounts()));
    row.add(second);
  }

  *entries(): Iterable<readonly [first: string, second: string, count: number]> {
    for (const [first, row] of this.#rows) {
      for (const [second, count] of row.entries()) yield [first, second, count];
    }
  }
}
