import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject } from '../client/reading.ts';
import { describeReceipts } from '../output/receipts.ts';

/** `lift`: takes a block back. */
export const registerLift: CommandFile = (program, session) => {
  program
    .command('lift')
    .summary('take a block back')
    .description('Lifts the block of a revocation. What was ended stays ended.')
    .argument('<id>', 'id of the revocation, as `sallyport revocations --active` shows it')
    .option('--wait', 'wait up to 5 s until every edge has lifted it, and show when each did')
    .addHelpText('after', '\nExample:\n  sallyport lift rev_01k… --wait')
    .action(
      action<{ wait?: boolean }>(session, async (call) => {
        const id = argument(call, 0);
        const wait = call.options.wait === true;
        const query = wait ? { wait: 'enforced' } : {};
        const path = apiPath('revocations', id);
        const { status, body } = await call.api().send('DELETE', path, undefined, query);
        const lifted = readObject(body, 'the revocation');
        call.output.result(lifted, () =>
          wait ? `lifted ${id}\n${describeReceipts(lifted)}` : `lifted ${id}`,
        );
        return status === 202 ? 'partly_enforced' : 'ok';
      }),
    );
};
