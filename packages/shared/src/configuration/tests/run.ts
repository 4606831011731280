import { type CompiledPolicySet, decide, explain, type TraceStep } from '@sallyport/policy';
import type { FieldProblem } from '../../errors.ts';
import type { ConfigurationDocument } from '../documents.ts';
import { ruleIdsOf } from '../names.ts';
import { compileDocuments } from '../policy-set.ts';
import { badTests } from './bad.ts';
import { factsOf } from './facts.ts';
import { differences, type Expected, type Outcome, outcomeOf } from './outcome.ts';
import { type PlacedTest, testsOf } from './placed.ts';

/**
 * Runs the tests that stand in documents, by the code that edges decide with: when a set is applied,
 * and offline in the command line.
 */

export interface TestCase {
  /** Kind and name of the document it stands in, and its place in the list there. */
  readonly document: string;
  readonly index: number;
  readonly name: string;
  readonly passed: boolean;
  readonly expected: Expected;
  readonly got: Outcome;
  /** How that differs from what was expected, in sentences. */
  readonly differences: readonly string[];
  /** The steps of the decision, where they were asked for. */
  readonly trace: readonly TraceStep[];
}

/** A rule and the tests in which it was true; none: no test would notice if it were gone. */
export interface RuleCoverage {
  readonly rule: string;
  readonly tests: readonly string[];
}

export interface TestReport {
  /** Why nothing could be run; `field` as in checkSet. */
  readonly problems: readonly FieldProblem[];
  readonly cases: readonly TestCase[];
  readonly passed: number;
  readonly failed: number;
  /** Every rule, by id; empty unless asked for. */
  readonly coverage: readonly RuleCoverage[];
}

export interface TestOptions {
  /** Whose steps to keep. Default: those of tests that fail. */
  readonly trace?: 'all' | 'failing';
  readonly coverage?: boolean;
}

/** Runs all tests of the documents on the whole of them. */
export function runTests(
  documents: readonly ConfigurationDocument[],
  options: TestOptions = {},
): TestReport {
  const result = compileDocuments(documents);
  const problems = 'problems' in result ? result.problems : badTests(documents);
  if (problems.length > 0 || 'problems' in result) {
    return { problems, cases: [], passed: 0, failed: 0, coverage: [] };
  }
  const { compiled } = result;
  const matched = new Map<string, string[]>();
  const cases = testsOf(documents).map((placed) => {
    const { facts, ...rest } = decideTest(placed, compiled);
    const wanted = options.coverage === true || options.trace === 'all' || !rest.passed;
    const trace = facts !== null && wanted ? explain(compiled, facts).trace : [];
    if (options.coverage === true) note(matched, trace, `${placed.document}: ${rest.name}`);
    return { ...rest, trace: options.trace === 'all' || !rest.passed ? trace : [] };
  });
  const passed = cases.filter((one) => one.passed).length;
  return {
    problems: [],
    cases,
    passed,
    failed: cases.length - passed,
    coverage: options.coverage === true ? coverageOf(documents, matched) : [],
  };
}

/** Decides one test; `facts`: null where the address is refused before that. */
export function decideTest(
  { document, policy, index, test }: PlacedTest,
  compiled: CompiledPolicySet,
) {
  const made = factsOf(test, compiled.headerNames);
  const got: Outcome =
    'refused' in made
      ? { outcome: 'refused', problem: made.refused }
      : outcomeOf(decide(compiled, made.facts));
  const found = differences(test.expect, got, policy);
  return {
    document,
    index,
    name: test.name,
    passed: found.length === 0,
    expected: test.expect,
    got,
    differences: found,
    facts: 'facts' in made ? made.facts : null,
  };
}

function note(matched: Map<string, string[]>, trace: readonly TraceStep[], test: string): void {
  for (const step of trace) {
    if (step.step !== 'rule' || step.value !== 'true') continue;
    const tests = matched.get(step.rule) ?? [];
    tests.push(test);
    matched.set(step.rule, tests);
  }
}

function coverageOf(
  documents: readonly ConfigurationDocument[],
  matched: ReadonlyMap<string, readonly string[]>,
): readonly RuleCoverage[] {
  return [...ruleIdsOf(documents)].sort().map((rule) => ({ rule, tests: matched.get(rule) ?? [] }));
}
