import { action, argument, type CommandFile } from '../call.ts';
import { describeDiff } from '../changes.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { readObject, readObjects } from '../client/reading.ts';
import { group, versionNumber } from './options.ts';
import { policySummary } from './policy-summary.ts';

/** `policy diff`: what differs between two versions. */
export const registerPolicyDiff: CommandFile = (program, session) => {
  group(program, 'policy', policySummary)
    .command('diff')
    .summary('show what a version changed, or what differs between two')
    .description(
      'Shows each document that differs as a unified diff of its YAML: between A and B, or with A alone between A and the version it was made from.',
    )
    .argument('<a>', 'number of a version', versionNumber)
    .argument('[b]', 'number of a later version', versionNumber)
    .addHelpText(
      'after',
      `
Examples:
  sallyport policy diff 42
  sallyport policy diff 40 42
  sallyport apply -f config/ --dry-run      # files against the live version`,
    )
    .action(
      action(session, async (call) => {
        const a = argument(call, 0);
        const b = call.args[1];
        const path = apiPath('config', 'versions', b ?? a, 'diff');
        const query = b === undefined ? {} : { against: a };
        const versions = b === undefined ? a : `${a} or ${b}`;
        const found = await orNotFound(
          call.api().get(path, query),
          `there is no version ${versions}`,
        );
        const diff = readObject(found, 'the difference');
        const documents = readObjects(diff, 'documents');
        call.output.result(diff, () =>
          documents.length === 0 ? 'nothing differs' : describeDiff(documents),
        );
        return 'ok';
      }),
    );
};
