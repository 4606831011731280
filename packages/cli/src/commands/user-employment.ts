import { Argument, InvalidArgumentError } from 'commander';
import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { findUserId } from '../client/find.ts';
import { readObject, show } from '../client/reading.ts';
import { Failure } from '../exit.ts';
import { noun } from './options.ts';

/** `users employment`: what rules can ask of how somebody is employed. */
export const registerUserEmployment: CommandFile = (program, session) => {
  noun(program, 'users', '')
    .command('employment')
    .summary('say how a user is employed, and until when')
    .description(
      'Says how a user is employed. From the end on, the user is refused everywhere, with the reason employment_ended. "unknown": it is not known, and rules that ask for it do not apply.',
    )
    .argument('<user>', 'id or e-mail address')
    .addArgument(
      new Argument('<class>', 'how').choices(['employee', 'contractor', 'unknown'] as const),
    )
    .option('--ends <time>', 'until then, RFC 3339; without: no end', instant)
    .addHelpText(
      'after',
      '\nExample:\n  sallyport users employment dana@corp.example contractor --ends 2027-01-01T00:00:00Z',
    )
    .action(
      action<{ ends?: string }>(session, async (call) => {
        const kind = argument(call, 1);
        const { ends } = call.options;
        if (kind === 'unknown' && ends !== undefined) {
          throw new Failure('usage', '--ends goes with employee or contractor');
        }
        const employment = kind === 'unknown' ? null : { class: kind, endsAt: ends ?? null };
        const api = call.api();
        const id = await findUserId(api, argument(call, 0));
        const { body } = await api.send('PATCH', apiPath('users', id), { employment });
        const user = readObject(body, 'the user');
        const until = ends === undefined ? '' : ` until ${ends}`;
        call.output.result(user, () => `${show(user, 'email') || id} is ${kind}${until}`);
        return 'ok';
      }),
    );
};

function instant(text: string): string {
  const at = Date.parse(text);
  if (Number.isFinite(at) && /^\d{4}-\d\d-\d\dT/.test(text)) return new Date(at).toISOString();
  throw new InvalidArgumentError('a time like 2027-01-01T00:00:00Z');
}
