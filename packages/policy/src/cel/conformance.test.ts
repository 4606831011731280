import { tests as suite } from '@bufbuild/cel-spec/testdata/conformance.js';
import { describe, expect, test } from 'vitest';
import { compileExpression } from './compile.ts';
import type { Leaf } from './context.ts';
import { bool, double, int, string } from './types.ts';
import { isFailure, type Result, type Value } from './values.ts';

/**
 * The published conformance cases of CEL. Our environment is a part of the language: what it does
 * not have is refused when it is compiled. What it takes must come to what the cases say.
 */

interface Case {
  readonly expr: string;
  readonly container?: string;
  readonly bindings?: Record<string, { readonly value?: unknown }>;
  readonly value?: unknown;
  readonly evalError?: unknown;
  readonly typedResult?: { readonly result?: unknown };
}

interface Suite {
  readonly suites?: readonly Suite[];
  readonly tests?: readonly { readonly original: unknown }[];
}

function casesOf({ suites = [], tests = [] }: Suite): readonly Case[] {
  return [...tests.map(({ original }) => original as Case), ...suites.flatMap(casesOf)];
}

/** A `cel.expr.Value` in its JSON form; undefined where it is of a type that we do not have. */
function valueOf(written: unknown): Value | undefined {
  const [kind, value] = Object.entries(written as Record<string, unknown>)[0] ?? [];
  switch (kind) {
    case 'boolValue':
    case 'stringValue':
      return value as Value;
    case 'int64Value':
    case 'doubleValue':
      return Number(value);
    case 'listValue': {
      const values = ((value as { values?: readonly unknown[] }).values ?? []).map(valueOf);
      return values.includes(undefined) ? undefined : (values as Value[]);
    }
    default:
      return undefined;
  }
}

const types = { boolValue: bool, stringValue: string, int64Value: int, doubleValue: double };

function leavesOf({ bindings = {} }: Case): ReadonlyMap<string, Leaf<null>> | null {
  const leaves = new Map<string, Leaf<null>>();
  for (const [name, { value: written }] of Object.entries(bindings)) {
    const kind = Object.keys(written ?? {})[0] ?? '';
    const type = (types as Readonly<Record<string, typeof bool>>)[kind];
    const value = written === undefined ? undefined : valueOf(written);
    if (type === undefined || value === undefined) return null;
    leaves.set(name, { type, size: { length: 1000, entry: null }, read: () => value });
  }
  return leaves;
}

/** What the case says; null: no value; undefined where that is of no type of ours. */
function expected(one: Case): Value | null | undefined {
  if (one.evalError !== undefined) return null;
  if (one.typedResult !== undefined) {
    return one.typedResult.result === undefined ? undefined : valueOf(one.typedResult.result);
  }
  return one.value === undefined ? true : valueOf(one.value);
}

function outcome(result: Result): Value | null {
  return isFailure(result) ? null : result;
}

/** Told apart from no value, as JSON would not: numbers that are infinite or none. */
function same(one: Value | null, other: Value | null): boolean {
  if (Array.isArray(one) && Array.isArray(other)) {
    const [left, right] = [one as readonly Value[], other as readonly Value[]];
    return (
      left.length === right.length && left.every((entry, at) => same(entry, right[at] ?? null))
    );
  }
  return one === other || Object.is(one, other);
}

describe('the published conformance cases', () => {
  const all = casesOf(suite).filter(({ container }) => container === undefined);
  const taken = all.flatMap((one) => {
    const leaves = leavesOf(one);
    const want = expected(one);
    if (leaves === null || want === undefined) return [];
    const compiled = compileExpression(one.expr, { leaves, methods: new Map() });
    return compiled.ok ? [{ one, want, got: outcome(compiled.term.evaluate(null)) }] : [];
  });

  test('each comes to what it says, or is refused when it is compiled', () => {
    const wrong = taken.filter(({ want, got }) => !same(want, got));
    expect(wrong.map(({ one, want, got }) => ({ expr: one.expr, want, got }))).toEqual([]);
  });

  test('most of those for the types that we have are taken', () => {
    expect(all.length).toBeGreaterThan(1800);
    expect(taken.length).toBeGreaterThanOrEqual(450);
  });
});
