import type { LintFinding } from './finding.ts';
import { patternsMeet } from './patterns.ts';
import type { Conditions, PlacedRule, Subject } from './rules.ts';

/** Rules that no request can match, now or ever. */
export function neverMatches(subject: Subject, nowMs: number | null): LintFinding[] {
  return subject.rules.flatMap((rule): LintFinding[] => {
    const all = subject.conditionsOf(rule.rule, rule.policy);
    const { document, path } = rule;
    const impossible = emptyPeriod(all) ?? noMethod(all) ?? noRoute(rule, all, subject);
    if (impossible !== null) {
      return [{ code: 'never_matches', document, path, message: impossible }];
    }
    const endMs = endOf(all);
    if (nowMs === null || endMs > nowMs) return [];
    const message = `matches nothing any more: it ended at ${new Date(endMs).toISOString()}`;
    return [{ code: 'expired', document, path, message }];
  });
}

function endOf(all: readonly Conditions[]): number {
  return Math.min(
    ...all.map(({ notAfter }) => (notAfter === undefined ? Infinity : Date.parse(notAfter))),
  );
}

function emptyPeriod(all: readonly Conditions[]): string | null {
  const begins = all.map(({ notBefore }) =>
    notBefore === undefined ? -Infinity : Date.parse(notBefore),
  );
  return Math.max(...begins) < endOf(all)
    ? null
    : 'can never match: notBefore is not before notAfter';
}

function methodsOf(all: readonly Conditions[]): readonly string[] | null {
  const [first, ...others] = all.flatMap(({ methods }) => (methods === undefined ? [] : [methods]));
  if (first === undefined) return null;
  return first.filter((method) => others.every((list) => list.includes(method)));
}

function noMethod(all: readonly Conditions[]): string | null {
  return methodsOf(all)?.length === 0 ? 'can never match: no method is in all of its lists' : null;
}

/** No route that it holds for has such paths with such methods. */
function noRoute(
  { policy }: PlacedRule,
  all: readonly Conditions[],
  subject: Subject,
): string | null {
  const matches = subject.routesOf(policy).flatMap(({ spec }) => spec.match);
  if (matches.length === 0) return null;
  const wanted = methodsOf(all);
  const lists = all.flatMap(({ paths }) => (paths === undefined ? [] : [paths]));
  const reached = matches.some(({ path = '/**', methods }) => {
    const methodMeets =
      wanted === null || methods === undefined || methods.some((method) => wanted.includes(method));
    return methodMeets && lists.every((paths) => paths.some((one) => patternsMeet(one, path)));
  });
  return reached ? null : 'can never match: no route that it holds for has such a path and method';
}
