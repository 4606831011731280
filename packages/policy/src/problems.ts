/** A name that nothing has. Who knows all names can say which one was meant. */
export interface UnknownName {
  readonly kind: 'policy' | 'service' | 'condition';
  readonly name: string;
}

/** One thing wrong with a policy set: where, as an RFC 6901 pointer into it, and what. */
export interface PolicyProblem {
  readonly field: string;
  readonly message: string;
  readonly unknown?: UnknownName;
}

/** A policy set that cannot be compiled, with all that is wrong with it. */
export class PolicyCompileError extends Error {
  override readonly name = 'PolicyCompileError';
  readonly problems: readonly PolicyProblem[];

  constructor(problems: readonly PolicyProblem[]) {
    const first = problems[0];
    const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
    super(`${first?.field ?? ''}: ${first?.message ?? 'not a policy set'}${more}`);
    this.problems = problems;
  }
}

const problemsMax = 1000;

/** Collects what is wrong, up to a bound that no human reads to. */
export class Problems {
  readonly #list: PolicyProblem[] = [];

  add(field: string, message: string): void {
    this.#add({ field, message });
  }

  addUnknown(field: string, unknown: UnknownName): void {
    this.#add({ field, message: `there is no ${unknown.kind} named ${unknown.name}`, unknown });
  }

  #add(problem: PolicyProblem): void {
    if (this.#list.length < problemsMax) this.#list.push(problem);
  }

  /** Throws PolicyCompileError where anything was added. */
  throwIfAny(): void {
    if (this.#list.length > 0) throw new PolicyCompileError(this.#list);
  }
}
