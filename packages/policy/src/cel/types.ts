import type { Evaluate, Value } from './values.ts';

export type ScalarKind = 'bool' | 'int' | 'double' | 'string' | 'timestamp' | 'duration';

export type CelType =
  | { readonly kind: ScalarKind }
  /** `of` is null for the empty list, which is a list of anything. */
  | { readonly kind: 'list'; readonly of: CelType | null };

const scalar = (kind: ScalarKind): CelType => Object.freeze({ kind });

export const bool: CelType = scalar('bool');
export const int: CelType = scalar('int');
export const double: CelType = scalar('double');
export const string: CelType = scalar('string');
export const timestamp: CelType = scalar('timestamp');
export const duration: CelType = scalar('duration');
export const strings: CelType = listOf(string);

/** The type of a list. */
export function listOf(of: CelType | null): CelType {
  return Object.freeze({ kind: 'list', of });
}

/** How a type is written. */
export function nameOf(type: CelType): string {
  if (type.kind !== 'list') return type.kind;
  return type.of === null ? 'list' : `list(${nameOf(type.of)})`;
}

/** Whether it is a number that can be compared with any other. */
export function isNumber(type: CelType): boolean {
  return type.kind === 'int' || type.kind === 'double';
}

/** The type of what is of either type; null where there is none. */
export function common(left: CelType, right: CelType): CelType | null {
  if (left.kind !== 'list' || right.kind !== 'list') return left.kind === right.kind ? left : null;
  if (left.of === null) return right;
  if (right.of === null) return left;
  const of = common(left.of, right.of);
  return of === null ? null : listOf(of);
}

/** How large a value can be at the most: characters of a string, entries of a list. */
export interface Size {
  readonly length: number;
  /** Of each entry, for a list. */
  readonly entry: Size | null;
}

export const small: Size = Object.freeze({ length: 1, entry: null });

/** The size that holds both. */
export function larger(left: Size, right: Size): Size {
  const entry =
    left.entry === null || right.entry === null
      ? (left.entry ?? right.entry)
      : larger(left.entry, right.entry);
  return { length: Math.max(left.length, right.length), entry };
}

/** How many characters and entries there are to look at, to look at all. */
export function weightOf(size: Size): number {
  return size.entry === null ? size.length : size.length * (1 + weightOf(size.entry) / 64);
}

/** A part of an expression, compiled. */
export interface Term<Input> {
  readonly type: CelType;
  readonly size: Size;
  /** Steps that evaluating it may take at the most, that of its parts included. */
  readonly cost: number;
  readonly evaluate: Evaluate<Input>;
  /** What it always is; undefined: that depends. */
  readonly constant: Value | undefined;
}

/** Stops the compilation of an expression: what is wrong with it, and where in the text. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.at = at;
  }
}
