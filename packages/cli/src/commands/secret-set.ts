import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { readObject, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { decode, readStdin } from '../sources.ts';
import { noun } from './options.ts';

const secretBytesMax = 64 * 1024;
const secretName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** `secrets set`: stores the value of a secret, which comes from standard input alone. */
export const registerSecretSet: CommandFile = (program, session) => {
  noun(program, 'secrets', 'values that documents refer to by name')
    .command('set')
    .summary('store the value of a secret, read from standard input')
    .description(
      'Stores a new version of a secret. The value is read from standard input, so that it stands in no process list and no shell history. One line break at its end is dropped.',
    )
    .argument('<name>', 'name of the secret')
    .addHelpText('after', '\nExample:\n  sallyport secrets set corp-idp-client < client-secret.txt')
    .action(
      action(session, async (call) => {
        const name = argument(call, 0);
        if (!secretName.test(name)) {
          throw new Failure(
            'invalid',
            `${name} is not a name: 1 to 63 of a-z, 0-9 and -, with no - at the ends`,
          );
        }
        if (call.terminal.stdinIsTerminal) {
          throw new Failure(
            'usage',
            `the value comes from standard input: sallyport secrets set ${name} < file`,
          );
        }
        const bytes = await readStdin(call.terminal.stdin, secretBytesMax);
        const value = decode(bytes, 'the value').replace(/\r?\n$/, '');
        if (value === '') throw new Failure('invalid', 'the value on standard input is empty');
        const { body } = await call.api().send('PUT', apiPath('secrets', name), { value });
        const secret = readObject(body, 'the secret');
        call.output.result(secret, () => `${name} is now at version ${show(secret, 'version')}`);
        return 'ok';
      }),
    );
};
