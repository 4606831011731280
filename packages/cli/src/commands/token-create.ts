import { Option } from 'commander';
import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject, readText, show } from '../client/reading.ts';
import { duration, noun } from './options.ts';

interface Options {
  readonly role: string;
  readonly label: string;
  readonly expiresIn?: number;
}

/** `tokens create`: a bearer token of the admin API. */
export const registerTokenCreate: CommandFile = (program, session) => {
  noun(program, 'tokens', '')
    .command('create')
    .summary('make a token of the admin API')
    .description(
      'Makes a token. It is shown once, alone on standard output, so that it can go straight into a file; only its hash is stored.\n\nviewer: reads. policy-admin: also configuration, users, groups, devices, secrets.\nresponder: reads, and revokes. owner: everything, also tokens and edges.',
    )
    .addOption(
      new Option('--role <role>', 'what it may do')
        .choices(['viewer', 'policy-admin', 'responder', 'owner'])
        .makeOptionMandatory(),
    )
    .requiredOption('--label <text>', 'who or what it is for; stands in the audit')
    .option('--expires-in <duration>', 'good for 12h, 90d (default: until revoked)', duration)
    .addHelpText(
      'after',
      "\nExample:\n  (umask 077; sallyport tokens create --role responder --label 'on call' > responder-token)",
    )
    .action(
      action<Options>(session, async ({ api, options, output }) => {
        const { role, label, expiresIn } = options;
        const { body } = await api().send('POST', apiPath('tokens'), {
          role,
          label,
          ...(expiresIn === undefined ? {} : { expiresInSeconds: expiresIn }),
        });
        const made = readObject(body, 'the token');
        output.result(made, () => readText(made, 'token'));
        output.note(`created ${show(made, 'id')}; this is the only time the token is shown`);
        return 'ok';
      }),
    );
};
