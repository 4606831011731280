import type { CelType, Size, Term } from './types.ts';
import { type Evaluate, isFailure, type Result, type Value, worse } from './values.ts';

export type Apply = (left: Value, right: Value) => Result;

/** What of an operand an operator looks at before it is ever evaluated. */
export interface Sized {
  readonly type: CelType;
  readonly size: Size;
  readonly constant: Value | undefined;
}

/** What an operator is for two types. */
export interface Operation {
  readonly type: CelType;
  readonly apply: Apply;
  readonly size?: Size;
  readonly cost?: number;
}

/** A term of two terms: no value where either has none. */
export function both<Input>(left: Term<Input>, right: Term<Input>, apply: Apply): Evaluate<Input> {
  const readLeft = left.evaluate;
  const readRight = right.evaluate;
  const constant = right.constant;
  if (constant !== undefined) {
    return (input) => {
      const found = readLeft(input);
      return isFailure(found) ? found : apply(found, constant);
    };
  }
  return (input) => {
    const first = readLeft(input);
    const second = readRight(input);
    return isFailure(first) || isFailure(second) ? worse(first, second) : apply(first, second);
  };
}
