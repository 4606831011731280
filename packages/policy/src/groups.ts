/**
 * The groups that a policy set names, numbered, so that a user's groups are looked up once for a
 * decision and not once for each rule.
 */
export class GroupIndex {
  readonly #numbers = new Map<string, number>();

  /** The group's number; a new one where it had none. Only while compiling. */
  numberOf(group: string): number {
    const known = this.#numbers.get(group);
    if (known !== undefined) return known;
    const number = this.#numbers.size;
    this.#numbers.set(group, number);
    return number;
  }

  /** The numbers of those of `groups` that have one. */
  numbersOf(groups: readonly string[]): ReadonlySet<number> {
    const numbers = new Set<number>();
    for (const group of groups) {
      const number = this.#numbers.get(group);
      if (number !== undefined) numbers.add(number);
    }
    return numbers;
  }
}
