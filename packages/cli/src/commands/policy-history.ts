import { action, type CommandFile } from '../call.ts';
import { readPages } from '../client/pages.ts';
import { writeRows } from '../output/rows.ts';
import { resourcePath, resources } from '../resources.ts';
import { group, type PageOptions, withPaging } from './options.ts';
import { policySummary } from './policy-summary.ts';

/** `policy history`: every version, newest first. */
export const registerPolicyHistory: CommandFile = (program, session) => {
  const command = group(program, 'policy', policySummary)
    .command('history')
    .summary('list versions, newest first')
    .description(
      'Lists every version: who made it, why, what it changed and what became of it. A version is never changed; going back makes a new one.',
    );
  withPaging(command).action(
    action<PageOptions>(session, async ({ api, options, output }) => {
      const page = await readPages(api(), resourcePath(resources.versions), {}, options);
      writeRows(output, resources.versions.columns(), page);
      return 'ok';
    }),
  );
};
