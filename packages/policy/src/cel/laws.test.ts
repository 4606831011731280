import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Problems } from '../problems.ts';
import { and, type Truth } from '../truth.ts';
import { bare, facts, stranger, viewOf } from './testing/facts.ts';
import { compileWhen } from './when.ts';

const views = [facts, stranger, bare].map(viewOf);

function compiled(text: string) {
  return compileWhen(text, { field: '/when', problems: new Problems() });
}

/** Expressions that come to each of the four without a session and without a place. */
const parts: readonly (readonly [string, Truth])[] = [
  ['request.method == "GET"', 'true'],
  ['request.method == "POST"', 'false'],
  ['place.country == "DE"', 'unknown'],
  ['1 / (request.method.size() - 3) == 1', 'unknown'],
  ['user.id == "usr_1"', 'pending'],
];
const nowhere = viewOf({ ...stranger, place: null });

const not: Readonly<Record<Truth, Truth>> = {
  true: 'false',
  false: 'true',
  unknown: 'unknown',
  pending: 'pending',
};

const leaves = [
  ...['user.email', 'user.groups', 'place.country', 'now', 'session.age', 'risk.score'],
  ...['device.managed', 'device.id', 'place.asn', 'g', '"a"', '1', '0', '-1', '2.5', '1e308'],
  ...['9007199254740991', 'true', '[1, 2]', '["a"]', '[]', 'duration("1h")', 'user', '__proto__'],
  ...['timestamp("2026-01-01T00:00:00Z")', 'null', '{}', 'user.constructor'],
];
const operators = ['&&', '||', '==', '!=', '<', '<=', 'in', '+', '-', '*', '/', '%'];
const calls = ['.size()', '.getHours()', '.matches("a*")', '.lowerAscii()', '[0]', '.constructor'];

/** Expressions of whatever types: most are refused. */
const expression: fc.Arbitrary<string> = fc.letrec<{ any: string }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(...leaves),
    fc
      .tuple(tie('any'), fc.constantFrom(...operators), tie('any'))
      .map(([left, operator, right]) => `(${left} ${operator} ${right})`),
    fc.tuple(tie('any'), fc.constantFrom(...calls)).map(([of, call]) => `${of}${call}`),
    fc
      .tuple(fc.constantFrom('all', 'exists', 'filter', 'map'), tie('any'))
      .map(([name, body]) => `user.groups.${name}(g, ${body})`),
    fc.tuple(tie('any'), tie('any'), tie('any')).map(([a, b, c]) => `(${a} ? ${b} : ${c})`),
  ),
})).any;

describe('an expression', () => {
  test('does not depend on the order of the parts of && and ||', () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...parts), { minLength: 2, maxLength: 6 }),
        fc.boolean(),
        (chosen, isAnd) => {
          const all = chosen.reduce<Truth>(
            (sum, [, truth]) => and(sum, isAnd ? truth : not[truth]),
            'true',
          );
          const text = chosen.map(([written]) => written).join(isAnd ? ' && ' : ' || ');
          expect(compiled(text)?.holds(nowhere)).toBe(isAnd ? all : not[all]);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('of whatever types is refused, or comes to one of the four; nothing is thrown', () => {
    const seen = new Set<string>();
    const text = fc.oneof(
      expression.map((of) => `${of} == ${of}`),
      fc.tuple(expression, expression).map(([one, other]) => `${one} < ${other}`),
      expression,
    );
    fc.assert(
      fc.property(text, (written) => {
        const when = compiled(written);
        for (const view of views) seen.add(when?.holds(view) ?? 'refused');
      }),
      { numRuns: 5000 },
    );
    expect([...seen].sort()).toEqual(['false', 'pending', 'refused', 'true', 'unknown']);
  });

  test('of whatever characters is refused or evaluated; nothing is thrown', () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    fc.assert(
      fc.property(text, (written) => {
        for (const view of views) compiled(written)?.holds(view);
      }),
      { numRuns: 2000 },
    );
  }, 30_000);
});
