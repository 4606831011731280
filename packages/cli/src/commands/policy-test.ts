import { checkSet } from '@sallyport/shared/configuration/set';
import {
  runTests,
  type TestCase,
  type TestReport,
} from '@sallyport/shared/configuration/tests/run';
import { action, type CommandFile } from '../call.ts';
import { type ReadDocuments, readDocuments } from '../documents.ts';
import { Failure } from '../exit.ts';
import type { Output } from '../output/output.ts';
import { printable } from '../output/printable.ts';
import { table } from '../output/table.ts';
import { placeProblems } from '../placing.ts';
import { describeSteps } from '../trace.ts';
import { group } from './options.ts';
import { policySummary } from './policy-summary.ts';

interface Options {
  readonly coverage?: boolean;
  readonly trace?: boolean;
}

/** `policy test`: runs the tests that stand in documents, without a control plane. */
export const registerPolicyTest: CommandFile = (program, session) => {
  group(program, 'policy', policySummary)
    .command('test')
    .summary('run the tests of documents, without a control plane')
    .description(
      'Runs the tests that stand in Policy and Route documents on all of the documents given, by the code that edges decide with. Nothing is sent anywhere. Give the whole set: tests are decided on it.',
    )
    .argument('<files...>', 'files, folders or - for standard input')
    .option('--coverage', 'list every rule with the number of tests in which it applies')
    .option('--trace', 'show the steps of each test that fails')
    .addHelpText(
      'after',
      `
Examples:
  sallyport policy test config/
  sallyport policy test config/ --coverage
  sallyport get config -o yaml | sallyport policy test -

The exit code is 6 when a test fails.`,
    )
    .action(
      action<Options>(session, async ({ args, options, output, terminal }) => {
        const read = await readDocuments(args, terminal);
        const report = runTests(read.documents, { coverage: options.coverage === true });
        if (report.problems.length > 0) throw unsound(read, report);
        output.result(report, () => describe(read, report, options));
        if (report.failed > 0) noteMissing(read, output);
        return report.failed === 0 ? 'ok' : 'invalid';
      }),
    );
};

/** What checkSet knows besides is said too: it may be why the rules cannot be read. */
function unsound({ documents, sources }: ReadDocuments, { problems }: TestReport): Failure {
  const all = [...problems, ...checkSet(documents, { tests: false })];
  const distinct = [...new Map(all.map((one) => [`${one.field}: ${one.message}`, one])).values()];
  return new Failure('invalid', 'the documents do not hold together; no test was run', {
    problems: placeProblems(distinct, sources),
  });
}

/** Tests go to routes, and a policy alone has none. */
export function noteMissing({ documents }: ReadDocuments, output: Output): void {
  const missing = (['Route', 'Settings'] as const).filter(
    (wanted) => !documents.some(({ kind }) => kind === wanted),
  );
  if (missing.length === 0) return;
  output.note(
    `there is no ${missing.join(' and no ')} among these documents; give the whole set, which "sallyport get config -o yaml" prints as it is live`,
  );
}

function describe(read: ReadDocuments, report: TestReport, options: Options): string {
  const { cases, coverage, failed, passed } = report;
  const parts = cases
    .filter((one) => !one.passed)
    .map((one) => describeFailure(read, one, options.trace === true));
  if (options.coverage === true) {
    parts.push(
      table(
        [
          { heading: 'RULE', cell: ({ rule }) => rule },
          {
            heading: 'TESTS',
            cell: ({ tests }) => (tests.length === 0 ? 'NONE' : `${tests.length}`),
          },
        ],
        coverage,
      ),
    );
    const covered = coverage.filter(({ tests }) => tests.length > 0).length;
    parts.push(`${covered} of ${coverage.length} rules apply in a test\n`);
  }
  return [...parts, `${passed} passed, ${failed} failed\n`].join('\n');
}

function describeFailure(
  { placeOf }: ReadDocuments,
  { document, index, name, differences, trace }: TestCase,
  withTrace: boolean,
): string {
  const place = placeOf(document, `/spec/tests/${index}`);
  const title = `FAILS  ${document}: ${name}${place === null ? '' : `  (${place})`}`;
  const lines = [title, ...differences.map((difference) => `  ${difference}`)];
  const steps = withTrace ? describeSteps(trace) : '';
  return `${lines.map(printable).join('\n')}\n${steps}`;
}
