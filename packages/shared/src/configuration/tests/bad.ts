import { canonicalAddress } from '@sallyport/policy';
import type { FieldProblem } from '../../errors.ts';
import type { ConfigurationDocument, DocumentTest } from '../documents.ts';
import { Hints } from '../hints.ts';
import { ruleIdsOf } from '../names.ts';
import { readUrl } from './facts.ts';
import { wholeRuleId } from './outcome.ts';
import { type PlacedTest, testsOf } from './placed.ts';

/** In a set. */
const testsMax = 5_000;
/** More than a person would read. */
export const problemsMax = 100;

/** What is wrong with the tests themselves: what they say could not be so, or names no rule. */
export function badTests(documents: readonly ConfigurationDocument[]): FieldProblem[] {
  const tests = testsOf(documents);
  if (tests.length > testsMax) {
    return [{ field: '', message: `the set has ${tests.length} tests and may have ${testsMax}` }];
  }
  const rules = new Set(ruleIdsOf(documents));
  const hints = new Hints(documents);
  const names = new Set<string>();
  const problems = tests.flatMap((placed) => {
    const key = `${placed.document} ${placed.test.name}`;
    const twice = names.has(key);
    names.add(key);
    return [
      ...(twice ? [problemAt(placed, '/name', 'is the name of another test here')] : []),
      ...contradictions(placed.test).map(([path, message]) => problemAt(placed, path, message)),
      ...unknownRule(placed, rules, hints),
    ];
  });
  return problems.slice(0, problemsMax);
}

/** A problem at a place in a test. */
export function problemAt(
  { document, index }: PlacedTest,
  path: string,
  message: string,
): FieldProblem {
  return { field: `${document} /spec/tests/${index}${path}`, message };
}

function contradictions(test: DocumentTest): (readonly [path: string, message: string])[] {
  const found: (readonly [string, string])[] = [];
  const target = readUrl(test.request.url);
  if ('refused' in target && target.refused === 'host') {
    found.push(['/request/url', 'must have a host that is a DNS name']);
  }
  if (test.session !== undefined && test.user === undefined) {
    found.push(['/session', 'says how a user signed in, and there is no user']);
  }
  if (test.from !== undefined && canonicalAddress(test.from) !== test.from) {
    found.push(['/from', 'must be an IP address in its usual form']);
  }
  const times = [
    ['/at', test.at],
    ['/user/employment/endsAt', test.user?.employment?.endsAt],
  ] as const;
  for (const [path, text] of times) {
    if (text !== undefined && !isInstant(text)) found.push([path, 'is no day of the calendar']);
  }
  if (test.expect.wouldDeny === true && test.expect.outcome !== 'permit') {
    found.push(['/expect/wouldDeny', 'means a permit by monitor mode, so outcome must be permit']);
  }
  return found;
}

function unknownRule(placed: PlacedTest, rules: ReadonlySet<string>, hints: Hints): FieldProblem[] {
  const { rule } = placed.test.expect;
  if (rule === undefined) return [];
  const whole = wholeRuleId(rule, placed.policy);
  if (rules.has(whole)) return [];
  return [problemAt(placed, '/expect/rule', `there is no rule ${whole}${hints.ofRule(whole)}`)];
}

/** The schema has seen to the form; not to the 30th of February. */
function isInstant(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split('-').map(Number);
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}
