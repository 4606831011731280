import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { findUserId } from '../client/find.ts';
import { readObject, show } from '../client/reading.ts';
import { noun } from './options.ts';

const verbs = {
  suspend: { status: 'suspended', summary: 'refuse a user until activated again' },
  activate: { status: 'active', summary: 'take a suspension back' },
} as const;

/** `users suspend` and `users activate`. */
export const registerUserStatus: CommandFile = (program, session) => {
  for (const [verb, { status, summary }] of Object.entries(verbs)) {
    noun(program, 'users', '')
      .command(verb)
      .summary(summary)
      .description(`${summary}. To end sessions or block at once on every edge, see revoke.`)
      .argument('<user>', 'id or e-mail address')
      .action(
        action(session, async (call) => {
          const api = call.api();
          const id = await findUserId(api, argument(call, 0));
          const { body } = await api.send('PATCH', apiPath('users', id), { status });
          const user = readObject(body, 'the user');
          call.output.result(user, () => `${show(user, 'email') || id} is ${status}`);
          return 'ok';
        }),
      );
  }
};
