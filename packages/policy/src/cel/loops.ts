import {
  type Evaluate,
  type Failure,
  isFailure,
  type Result,
  unknown,
  type Value,
  worse,
} from './values.ts';

/** What a macro does with the entries of its list; `body` looks at the one that `step` set. */
export type Loop = <Input>(
  list: Evaluate<Input>,
  step: (entry: Value) => void,
  bodies: readonly Evaluate<Input>[],
) => Evaluate<Input>;

/** `exists` is the `||` of all entries, `all` their `&&`. */
export function quantifier(decides: boolean): Loop {
  return (list, step, bodies) => {
    const body = only(bodies);
    return (input) => {
      const entries = list(input);
      if (isFailure(entries)) return entries;
      let value: Result = !decides;
      for (const entry of entries as readonly Value[]) {
        step(entry);
        const found = body(input);
        if (found === decides) return decides;
        if (isFailure(found)) value = worse(value, found);
      }
      return value;
    };
  };
}

/** Exactly one; unlike with `exists`, every entry must have a value. */
export function existsOne<Input>(
  list: Evaluate<Input>,
  step: (entry: Value) => void,
  bodies: readonly Evaluate<Input>[],
): Evaluate<Input> {
  const chosen = filter(list, step, bodies);
  return (input) => {
    const entries = chosen(input);
    return isFailure(entries) ? entries : (entries as readonly Value[]).length === 1;
  };
}

/** The entries for which it is true. */
export function filter<Input>(
  list: Evaluate<Input>,
  step: (entry: Value) => void,
  bodies: readonly Evaluate<Input>[],
): Evaluate<Input> {
  return collect(list, step, only(bodies), null);
}

/** What is made of each entry, or of those for which the first of two is true. */
export function map<Input>(
  list: Evaluate<Input>,
  step: (entry: Value) => void,
  bodies: readonly Evaluate<Input>[],
): Evaluate<Input> {
  const question = bodies.length > 1 ? only(bodies) : null;
  return collect(list, step, question, bodies.at(-1) ?? (() => unknown));
}

/** The entries for which `question` is true, each as `made` from it. */
function collect<Input>(
  list: Evaluate<Input>,
  step: (entry: Value) => void,
  question: Evaluate<Input> | null,
  made: Evaluate<Input> | null,
): Evaluate<Input> {
  return (input) => {
    const entries = list(input);
    if (isFailure(entries)) return entries;
    const chosen: Value[] = [];
    let failure: Failure | null = null;
    for (const entry of entries as readonly Value[]) {
      step(entry);
      const asked = question === null ? true : question(input);
      const value = asked === true && made !== null ? made(input) : entry;
      if (isFailure(asked)) failure = worse(failure ?? asked, asked);
      else if (isFailure(value)) failure = worse(failure ?? value, value);
      else if (asked === true) chosen.push(value);
    }
    return failure ?? chosen;
  };
}

function only<Input>(bodies: readonly Evaluate<Input>[]): Evaluate<Input> {
  return bodies[0] ?? (() => unknown);
}
