import { complain, type Place, readEntries } from '../read.ts';
import { compileRegex, type Regex } from '../regex.ts';
import type { Truth } from '../truth.ts';
import type { View } from '../view.ts';
import type { ConditionKind } from './condition.ts';

/**
 * `pathsMatching`: one of these expressions matches the whole path, which has the form that patterns
 * are compared in: no slash at the end, and no escape that is not needed.
 */
export const pathsMatching: ConditionKind = {
  compile(value, place) {
    const expressions = readEntries(value, place, readExpression);
    if (expressions === null) return null;
    return {
      field: 'pathsMatching',
      holds: (view) => matchesAny(expressions, view),
      fact: () => 'request.path',
    };
  },
};

function readExpression(value: unknown, place: Place): Regex | null {
  if (typeof value !== 'string' || value === '') {
    return complain(place, 'must be a regular expression');
  }
  const parsed = compileRegex(value, 'whole');
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
