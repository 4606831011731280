import type { Command } from 'commander';
import { action, argument, type CommandFile, type Session } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { readObject, show } from '../client/reading.ts';
import { group, versionNumber } from './options.ts';
import { policySummary } from './policy-summary.ts';

/** `policy approve` and `policy reject`: the second person's word on a version. */
export const registerPolicyReview: CommandFile = (program, session) => {
  const policy = group(program, 'policy', policySummary);
  review(policy, session, 'approve', 'say yes to a version of somebody else, which releases it');
  review(policy, session, 'reject', 'say no to a version, which nobody can release then');
};

function review(
  policy: Command,
  session: Session,
  verb: 'approve' | 'reject',
  summary: string,
): void {
  policy
    .command(verb)
    .summary(summary)
    .description(
      'Versions wait for another person where the settings say so, or where more users lose access than the settings allow. That is somebody with a token of another name, which the author did not make afterwards. Approving a proposed version releases it; an approved candidate goes out with "sallyport rollout start".',
    )
    .argument('<version>', 'number of the version', versionNumber)
    .option('--comment <text>', 'why, kept with the version')
    .addHelpText('after', `\nExample:\n  sallyport policy ${verb} 42`)
    .action(
      action<{ comment?: string }>(session, async (call) => {
        const number = argument(call, 0);
        const { comment } = call.options;
        const { body } = await orNotFound(
          call.api().send('POST', apiPath('config', 'versions', number, verb), {
            ...(comment !== undefined && { comment }),
          }),
          `there is no version ${number}`,
        );
        const answer = readObject(body, 'the review');
        const version = readObject(answer['version'], 'the version');
        call.output.result(answer, () => `version ${number} is ${show(version, 'state')}`);
        return 'ok';
      }),
    );
}
