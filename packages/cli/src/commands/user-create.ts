import { action, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { collect, noun } from './options.ts';

interface Options {
  readonly email?: string;
  readonly name?: string;
  readonly group?: readonly string[];
  readonly issuer?: string;
  readonly subject?: string;
}

/** `users create`: makes a user before the first sign-in. */
export const registerUserCreate: CommandFile = (program, session) => {
  noun(program, 'users', '')
    .command('create')
    .summary('make a user before the first sign-in')
    .description(
      'Makes a user. With --issuer and --subject the first sign-in of that identity is this user; without, it makes another one.',
    )
    .option('--email <address>', 'e-mail address, a label')
    .allowExcessArguments()
    .option('--name <name>', 'name to show')
    .option('--group <name>', 'put the user into this group, repeatable', collect)
    .option('--issuer <url>', "the identity provider's issuer")
    .option('--subject <sub>', 'the user’s subject there')
    .addHelpText(
      'after',
      '\nExample:\n  sallyport users create --email dana@corp.example --group contractors \\\n    --issuer https://login.corp.example --subject 00u1x…',
    )
    .action(
      action<Options>(session, async ({ api, args, options, output }) => {
        const [extra] = args;
        if (extra !== undefined) {
          throw new Failure(
            'usage',
            `users create takes no argument; an address is given as --email ${extra} (see sallyport users create --help)`,
          );
        }
        const { email, name, group, issuer, subject } = options;
        if ((issuer === undefined) !== (subject === undefined)) {
          throw new Failure('usage', '--issuer and --subject go together');
        }
        const { body } = await api().send('POST', apiPath('users'), {
          ...(email === undefined ? {} : { email }),
          ...(name === undefined ? {} : { displayName: name }),
          ...(group === undefined ? {} : { groups: group }),
          ...(issuer === undefined ? {} : { identities: [{ issuer, subject }] }),
        });
        const user = readObject(body, 'the user');
        output.result(user, () => `created ${show(user, 'id')}`);
        return 'ok';
      }),
    );
};
