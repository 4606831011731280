import type { Operation, Sized } from './operation.ts';
import {
  type CelType,
  double,
  duration,
  int,
  isNumber,
  Refusal,
  string,
  timestamp,
} from './types.ts';
import { durationOf, exact, instantOf, type Result, unknown, type Value } from './values.ts';

/** No string of an expression may be able to grow beyond this. */
const stringLengthMax = 65_536;

/** `+`. Throws a Refusal where a string could grow too long. */
export function addition(left: Sized, right: Sized, at: number): Operation | null {
  if (left.type.kind === 'string' && right.type.kind === 'string') {
    const length = left.size.length + right.size.length;
    if (length > stringLengthMax) throw new Refusal(`could be ${length} characters long`, at);
    return {
      type: string,
      size: { length, entry: null },
      apply: (one, other) => (one as string) + (other as string),
      cost: 1 + Math.ceil(length / 64),
    };
  }
  const add = (one: Value, other: Value) => (one as number) + (other as number);
  const kinds = `${left.type.kind} ${right.type.kind}`;
  switch (kinds) {
    case 'int int':
      return { type: int, apply: (one, other) => exact(add(one, other)) };
    case 'double double':
      return { type: double, apply: add };
    case 'duration duration':
      return { type: duration, apply: (one, other) => durationOf(add(one, other)) };
    case 'timestamp duration':
    case 'duration timestamp':
      return { type: timestamp, apply: (one, other) => instantOf(add(one, other)) };
    default:
      return null;
  }
}

/** `-` between two. */
export function subtraction(left: CelType, right: CelType): Operation | null {
  const subtract = (one: Value, other: Value) => (one as number) - (other as number);
  switch (`${left.kind} ${right.kind}`) {
    case 'int int':
      return { type: int, apply: (one, other) => exact(subtract(one, other)) };
    case 'double double':
      return { type: double, apply: subtract };
    case 'duration duration':
    case 'timestamp timestamp':
      return { type: duration, apply: (one, other) => durationOf(subtract(one, other)) };
    case 'timestamp duration':
      return { type: timestamp, apply: (one, other) => instantOf(subtract(one, other)) };
    default:
      return null;
  }
}

/** `*`, `/`, `%`. */
export function product(
  operator: '*' | '/' | '%',
  left: CelType,
  right: CelType,
): Operation | null {
  if (left.kind !== right.kind || !isNumber(left)) return null;
  if (left.kind === 'double')
    return operator === '%' ? null : { type: double, apply: real[operator] };
  return { type: int, apply: whole[operator] };
}

const real = {
  '*': (left: Value, right: Value): Result => (left as number) * (right as number),
  '/': (left: Value, right: Value): Result => (left as number) / (right as number),
} as const;

const whole = {
  '*': (left: Value, right: Value): Result => exact((left as number) * (right as number)),
  '/': (left: Value, right: Value): Result => {
    if (right === 0) return unknown;
    // Towards zero, without a fraction that would have to be rounded.
    const rest = (left as number) % (right as number);
    return ((left as number) - rest) / (right as number);
  },
  '%': (left: Value, right: Value): Result =>
    right === 0 ? unknown : (left as number) % (right as number),
} as const;
