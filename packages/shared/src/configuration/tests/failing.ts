import type { CompiledPolicySet } from '@sallyport/policy';
import type { FieldProblem } from '../../errors.ts';
import type { ConfigurationDocument } from '../documents.ts';
import { problemAt, problemsMax } from './bad.ts';
import { testsOf } from './placed.ts';
import { decideTest } from './run.ts';
import { workByRoute, workMax } from './work.ts';

/**
 * Each test of the set that fails: what was expected and what came of it. Nothing else happens while
 * they run, so what they come to has a bound.
 */
export function failingTests(
  documents: readonly ConfigurationDocument[],
  compiled: CompiledPolicySet,
): FieldProblem[] {
  const problems: FieldProblem[] = [];
  const workOf = workByRoute(documents);
  let work = 0;
  let more = 0;
  for (const placed of testsOf(documents)) {
    const { passed, name, differences, got } = decideTest(placed, compiled);
    work += workOf(got.outcome === 'refused' ? null : got.route);
    if (work > workMax) {
      const message = 'the tests of the set would try too many rules: give it fewer of them';
      return [{ field: '', message }];
    }
    if (passed) continue;
    if (problems.length < problemsMax) {
      const message = `the test ${JSON.stringify(name)} fails: ${differences.join('; ')}`;
      problems.push(problemAt(placed, '', message));
    } else more += 1;
  }
  return more === 0
    ? problems
    : [...problems, { field: '', message: `and ${more} more tests fail` }];
}
