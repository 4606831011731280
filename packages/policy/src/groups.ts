/**
 * The groups that a policy set names, numbered, so that a user's groups are looked up once for a
 * decision and not once for each rule.
 */
export class GroupIndex {
  readonly #numbers = new Map<string, number>();
  #marks = new Uint8Array(0);

  /** The group's number; a new one where it had none. Only while compiling. */
  numberOf(group: string): number {
    const known = this.#numbers.get(group);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(group, number);
    return number;
  }

  /**
   * Marks, by number, the groups among `groups`. The array is used again by the next decision: a
   * decision runs to its end without a break, so no two ever hold it.
   */
  mark(groups: readonly string[]): Uint8Array {
    if (this.#marks.length < this.#numbers.size) this.#marks = new Uint8Array(this.#numbers.size);
    else this.#marks.fill(0);
    for (const group of groups) {
      const number = this.#numbers.get(group);
      if (number !== undefined) this.#marks[number] = 1;
    }
    return this.#marks;
  }
}
