import { type LintFinding, lintDocuments } from '@sallyport/shared/configuration/lint/lint';
import { checkSet } from '@sallyport/shared/configuration/set';
import { action, type CommandFile } from '../call.ts';
import { readDocuments } from '../documents.ts';
import { Failure } from '../exit.ts';
import { printable } from '../output/printable.ts';
import { placeProblems } from '../placing.ts';
import { group } from './options.ts';
import { policySummary } from './policy-summary.ts';
import { noteMissing } from './policy-test.ts';

interface Options {
  readonly strict?: boolean;
}

/** `policy lint`: what is allowed in documents and probably not meant. */
export const registerPolicyLint: CommandFile = (program, session) => {
  group(program, 'policy', policySummary)
    .command('lint')
    .summary('say what is allowed in documents and probably not meant')
    .description(
      'Looks for rules that never match, that others shadow, or that are wider than their name says, and for policies without use or tests. Nothing is sent anywhere. Give the whole set: what a rule means hangs on the routes that name it.',
    )
    .argument('<files...>', 'files, folders or - for standard input')
    .option('--strict', 'end with 6 where anything is found')
    .addHelpText(
      'after',
      `
Examples:
  sallyport policy lint config/
  sallyport policy lint config/ --strict      # for continuous integration`,
    )
    .action(
      action<Options>(session, async ({ args, options, output, terminal }) => {
        const read = await readDocuments(args, terminal);
        const { documents, placeOf, sources } = read;
        const problems = checkSet(documents, { tests: false });
        if (problems.length > 0) {
          noteMissing(read, output);
          throw new Failure('invalid', 'the documents do not hold together', {
            problems: placeProblems(problems, sources),
          });
        }
        const findings = lintDocuments(documents, { nowMs: Date.now() }).map((finding) => ({
          ...finding,
          place: placeOf(finding.document, finding.path),
        }));
        output.result({ findings }, () => describe(findings));
        return findings.length > 0 && options.strict === true ? 'invalid' : 'ok';
      }),
    );
};

function describe(findings: readonly (LintFinding & { place: string | null })[]): string {
  if (findings.length === 0) return 'nothing found';
  return findings
    .map(({ code, document, message, path, place }) =>
      printable(`${place ?? ''} ${document} ${path}: ${message} (${code})`.trimStart()),
    )
    .join('\n');
}
