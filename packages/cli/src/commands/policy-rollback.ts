import { action, argument, type CommandFile } from '../call.ts';
import { describeApplied, waitsForApproval } from '../changes.ts';
import { apiPath } from '../client/api.ts';
import { orNotFound } from '../client/failures.ts';
import { readObject, readObjects, show } from '../client/reading.ts';
import { group, versionNumber } from './options.ts';
import { policySummary } from './policy-summary.ts';

/** `policy rollback`: back to an earlier version, everywhere at once. */
export const registerPolicyRollback: CommandFile = (program, session) => {
  group(program, 'policy', policySummary)
    .command('rollback')
    .summary('go back to an earlier version, on all edges at once')
    .description(
      'Makes a new version equal to an earlier one that was released, and releases it to all rings at once. A rollout under way ends. Back to the version before the live one needs nobody else.',
    )
    .argument('<version>', 'number of the version to go back to', versionNumber)
    .option('-m, --message <text>', 'why, kept with the new version')
    .option('--confirm', 'even if more users lose access than the settings allow')
    .addHelpText(
      'after',
      "\nExample:\n  sallyport policy rollback 41 -m 'contractors are locked out'",
    )
    .action(
      action<{ message?: string; confirm?: boolean }>(session, async (call) => {
        const version = argument(call, 0);
        const { message, confirm } = call.options;
        const { body } = await orNotFound(
          call.api().send('POST', apiPath('config:rollback'), {
            toVersion: Number(version),
            ...(message !== undefined && { message }),
            ...(confirm === true && { confirm }),
          }),
          `there is no version ${version}`,
        );
        const answer = readObject(body, 'the new version');
        call.output.result(answer, () =>
          readObjects(answer, 'changed').length === 0
            ? `version ${show(answer, 'version')} is live, and on every ring`
            : describeApplied(answer),
        );
        return waitsForApproval(answer) ? 'needs_approval' : 'ok';
      }),
    );
};
