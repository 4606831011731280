import type { Apply, Operation, Sized } from './operation.ts';
import { bool, type CelType, common, isNumber, weightOf } from './types.ts';
import type { Value } from './values.ts';

function comparable(left: CelType, right: CelType): boolean {
  return (isNumber(left) && isNumber(right)) || common(left, right) !== null;
}

/** `==`, `!=`; numbers are compared by value, whatever their types. */
export function equality(wish: boolean, left: Sized, right: Sized): Operation | null {
  if (!comparable(left.type, right.type)) return null;
  const cost = 1 + Math.ceil(Math.min(weightOf(left.size), weightOf(right.size)) / 64);
  return left.type.kind === 'list'
    ? { type: bool, apply: (one, other) => equal(one, other) === wish, cost }
    : { type: bool, apply: (one, other) => (one === other) === wish, cost };
}

function equal(left: Value, right: Value): boolean {
  if (!Array.isArray(left) || !Array.isArray(right)) return left === right;
  const entries = left as readonly Value[];
  const others = right as readonly Value[];
  if (entries.length !== others.length) return false;
  return entries.every((entry, at) => equal(entry, others[at] ?? false));
}

/** `in`. */
export function membership(entry: Sized, list: Sized): Operation | null {
  if (list.type.kind !== 'list') return null;
  const of = list.type.of;
  if (of !== null && !comparable(entry.type, of)) return null;
  const cost = 1 + Math.ceil(weightOf(list.size) / 16);
  if (entry.type.kind === 'list') {
    return {
      type: bool,
      apply: (one, many) => (many as readonly Value[]).some((other) => equal(one, other)),
      cost,
    };
  }
  if (list.constant !== undefined) {
    const known = new Set(list.constant as readonly Value[]);
    return { type: bool, apply: (one) => known.has(one) };
  }
  // indexOf, which does not take one NaN for another.
  return { type: bool, apply: (one, many) => (many as readonly Value[]).indexOf(one) >= 0, cost };
}

/** `<`, `<=`, `>`, `>=`. */
export function order(
  operator: '<' | '<=' | '>' | '>=',
  left: Sized,
  right: Sized,
): Operation | null {
  const kind = left.type.kind;
  if (kind === 'list' || !comparable(left.type, right.type)) return null;
  if (kind === 'string') {
    const cost = 1 + Math.ceil(Math.min(left.size.length, right.size.length) / 64);
    return { type: bool, apply: orders[operator](byCodePoint), cost };
  }
  return { type: bool, apply: orders[operator](byNumber) };
}

type Compare = (left: Value, right: Value) => number;

/** NaN is neither below, equal nor above: every comparison with it is false. */
const orders = {
  '<':
    (compare: Compare): Apply =>
    (left, right) =>
      compare(left, right) < 0,
  '<=':
    (compare: Compare): Apply =>
    (left, right) =>
      compare(left, right) <= 0,
  '>':
    (compare: Compare): Apply =>
    (left, right) =>
      compare(left, right) > 0,
  '>=':
    (compare: Compare): Apply =>
    (left, right) =>
      compare(left, right) >= 0,
} as const;

function byNumber(left: Value, right: Value): number {
  if (left === right) return 0;
  if ((left as number) < (right as number)) return -1;
  return (left as number) > (right as number) ? 1 : Number.NaN;
}

/** CEL compares strings by code points, JavaScript by UTF-16 units: surrogates come last in CEL. */
function byCodePoint(left: Value, right: Value): number {
  const one = left as string;
  const other = right as string;
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    const difference = rank(one.charCodeAt(at)) - rank(other.charCodeAt(at));
    if (difference !== 0) return difference;
  }
  return one.length - other.length;
}

function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}
