import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject, show } from '../client/reading.ts';
import { confirm } from './confirm.ts';
import { reasonText } from './options.ts';

/** `declare-restore`: after the database was restored, so that no edge mistakes its history. */
export const registerDeclareRestore: CommandFile = (program, session) => {
  program
    .command('declare-restore')
    .summary('say that the database was restored, or may have lost its end')
    .description(
      'Says that the database was restored from a backup, or may have lost what was written last. The state goes on in a new epoch: edges take it over as a whole, everybody signs in again, and blocks that edges still know and the database does not are taken in as revocations. Each call does all of that again. A control plane does it by itself where it starts after restore.sh, or finds another database server behind its connection.',
    )
    .requiredOption('--reason <text>', 'what happened, kept in the audit', reasonText)
    .option('--yes', 'do it without asking, for scripts')
    .addHelpText(
      'after',
      "\nExample:\n  sallyport declare-restore --reason 'restored the backup of Sunday 03:00'",
    )
    .action(
      action<{ reason: string; yes?: boolean }>(session, async (call) => {
        const { api, options, output } = call;
        await confirm(call, {
          ask: 'Everybody will have to sign in again. Declare a restore?',
          yesMeans: 'to declare a restore',
          declined: 'nothing was declared',
        });
        const { body } = await api().send('POST', apiPath('epoch:raise'), {
          reason: options.reason,
        });
        const raised = readObject(body, 'the epoch');
        output.result(
          raised,
          () =>
            `the state goes on in epoch ${show(raised, 'epoch')}\neverybody signs in again; see "sallyport edges" for how far the edges are`,
        );
        return 'ok';
      }),
    );
};
