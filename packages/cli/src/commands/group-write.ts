import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { findGroupId, findUserId } from '../client/find.ts';
import { readObject, show } from '../client/reading.ts';
import { noun } from './options.ts';

/** `groups create`, `groups add` and `groups remove`. */
export const registerGroupWrites: CommandFile = (program, session) => {
  const groups = noun(program, 'groups', '');
  groups
    .command('create')
    .summary('make a group')
    .argument('<name>', 'what rules and provider claims call it; it does not change')
    .option('--description <text>', 'what it is for')
    .action(
      action<{ description?: string }>(session, async (call) => {
        const { description } = call.options;
        const { body } = await call.api().send('POST', apiPath('groups'), {
          name: argument(call, 0),
          ...(description === undefined ? {} : { description }),
        });
        const group = readObject(body, 'the group');
        call.output.result(group, () => `created ${show(group, 'id')}`);
        return 'ok';
      }),
    );
  for (const verb of ['add', 'remove'] as const) {
    const adds = verb === 'add';
    groups
      .command(verb)
      .summary(adds ? 'put a user into a group' : 'take a user out of a group')
      .description(
        adds
          ? 'Puts a user into a group by your word; it stays whatever the provider claims.'
          : "Takes a user out of a group. The provider's claim may bring the membership back at the next sign-in.",
      )
      .argument('<group>', 'name or id')
      .argument('<user>', 'id or e-mail address')
      .action(
        action(session, async (call) => {
          const api = call.api();
          const group = await findGroupId(api, argument(call, 0));
          const user = await findUserId(api, argument(call, 1));
          await api.send(adds ? 'PUT' : 'DELETE', apiPath('groups', group, 'members', user));
          const done = adds ? 'is in' : 'is out of';
          call.output.result({ group, user, member: adds }, () => `${user} ${done} ${group}`);
          return 'ok';
        }),
      );
  }
};
