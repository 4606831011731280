/** Things that come in, to be waited for one by one in a test. */
export class Arrivals<T> {
  readonly all: T[] = [];
  #looked = 0;
  #waiting: (() => void)[] = [];

  push(item: T): void {
    this.all.push(item);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  /** The first of all that fits, which has come or will; several may wait for theirs at once. */
  async first(fits: (item: T) => boolean): Promise<T> {
    for (;;) {
      const found = this.all.find(fits);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  /** The next one that fits; those before it are passed over. Waits until the test times out. */
  async next(fits: (item: T) => boolean = () => true): Promise<T> {
    for (;;) {
      while (this.#looked < this.all.length) {
        const item = this.all[this.#looked];
        this.#looked += 1;
        if (item !== undefined && fits(item)) return item;
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }
}
