/** Instructions of all regular expressions of a set. Each takes some hundred bytes of memory. */
const instructionsMax = 65_536;

/**
 * What the regular expressions of one policy set may take together. Each has a bound of its own, and
 * thousands at theirs would take minutes to compile and gigabytes to keep.
 */
export class RegexBudget {
  #left = instructionsMax;

  /** Takes what one needs; false where there is not as much left, and then for all that follow. */
  take(instructions: number): boolean {
    this.#left -= instructions;
    return this.#left >= 0;
  }
}
