interface Kept<T> {
  readonly id: string;
  readonly counter: number;
  readonly value: T;
}

const size = 4_096;

/**
 * Rows that were read before, one in each place: the next row of the same place takes it. What is
 * kept counts only while its shard's counter is the same, so nothing has to be taken out.
 */
export class RowCache<T> {
  readonly #places: (Kept<T> | null)[] = Array.from({ length: size }, () => null);

  /** What was kept of the row that has this id, while its shard's counter is this; null: nothing. */
  get(place: number, id: string, counter: number): T | null {
    const kept = this.#places[place % size] ?? null;
    return kept !== null && kept.counter === counter && kept.id === id ? kept.value : null;
  }

  put(place: number, id: string, counter: number, value: T): void {
    this.#places[place % size] = { id, counter, value };
  }
}
