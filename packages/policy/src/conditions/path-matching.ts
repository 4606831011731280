import { pathLengthMax } from '../canonical-path.ts';
import { complain, type Place, readEntries } from '../read.ts';
import { compileRegex, type Regex } from '../regex.ts';
import type { RegexBudget } from '../regex-budget.ts';
import type { Truth } from '../truth.ts';
import type { View } from '../view.ts';
import type { ConditionKind } from './condition.ts';

/**
 * `pathsMatching`: one of these expressions matches the whole path, which has the form that patterns
 * are compared in: no slash at the end, and no escape that is not needed.
 */
export const pathsMatching: ConditionKind = {
  compile(value, place, { regexes }) {
    const expressions = readEntries(value, place, (entry, at) =>
      readExpression(entry, at, regexes),
    );
    if (expressions === null) return null;
    return {
      field: 'pathsMatching',
      steps: expressions.reduce((sum, one) => sum + stepsOf(one), 0),
      holds: (view) => matchesAny(expressions, view),
      fact: () => 'request.path',
    };
  },
};

/** As many as an expression in CEL is counted that asks the same. */
function stepsOf(expression: Regex): number {
  return 1 + Math.ceil(expression.stepsFor(pathLengthMax) / 64);
}

function readExpression(value: unknown, place: Place, budget: RegexBudget): Regex | null {
  if (typeof value !== 'string' || value === '') {
    return complain(place, 'must be a regular expression');
  }
  const parsed = compileRegex(value, 'whole', budget);
  return parsed.ok ? parsed.regex : complain(place, parsed.problem);
}

function matchesAny(expressions: readonly Regex[], { segments }: View): Truth {
  const path = `/${segments.join('/')}`;
  let unread = false;
  for (const expression of expressions) {
    const matches = expression.test(path);
    if (matches === true) return 'true';
    unread ||= matches === null;
  }
  return unread ? 'unknown' : 'false';
}
