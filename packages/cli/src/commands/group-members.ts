import { action, argument, type CommandFile } from '../call.ts';
import { apiPath } from '../client/api.ts';
import { findGroupId } from '../client/find.ts';
import { readPages } from '../client/pages.ts';
import { show, showTime } from '../client/reading.ts';
import { writeRows } from '../output/rows.ts';
import { noun, type PageOptions, withPaging } from './options.ts';

/** `groups members`: who is in a group. */
export const registerGroupMembers: CommandFile = (program, session) => {
  withPaging(
    noun(program, 'groups', '')
      .command('members')
      .summary('list the members of a group')
      .argument('<group>', 'name or id'),
  ).action(
    action<PageOptions>(session, async (call) => {
      const api = call.api();
      const id = await findGroupId(api, argument(call, 0));
      const page = await readPages(api, apiPath('groups', id, 'members'), {}, call.options);
      writeRows(
        call.output,
        [
          { heading: 'USER', cell: (row) => show(row, 'userId') },
          { heading: 'EMAIL', cell: (row) => show(row, 'email') },
          { heading: 'NAME', cell: (row) => show(row, 'displayName') },
          { heading: 'SINCE', cell: (row) => showTime(row, 'since') },
        ],
        page,
      );
      return 'ok';
    }),
  );
};
