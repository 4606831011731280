import { Failure } from '../exit.ts';
import { type Api, apiPath } from './api.ts';
import { missing } from './missing.ts';
import { readPage } from './pages.ts';
import { readText } from './reading.ts';

/** The id of a user given by id or by e-mail address; an address that several have is refused. */
export async function findUserId(api: Api, text: string): Promise<string> {
  if (!text.includes('@')) return text;
  const { items } = await readPage(api, apiPath('users'), { email: text, limit: 10 });
  const [user, ...others] = items;
  if (user === undefined) throw nobodyHas(text);
  if (others.length > 0) {
    const ids = items.map((item) => readText(item, 'id')).join(', ');
    throw new Failure('invalid', `several users have the address ${text}; give an id of: ${ids}`);
  }
  return readText(user, 'id');
}

/** Throws where nobody has an e-mail address; an id may be that of somebody who is gone. */
export async function requireUser(api: Api, text: string): Promise<void> {
  if (!text.includes('@')) return;
  const { items } = await readPage(api, apiPath('users'), { email: text, limit: 1 });
  if (items.length === 0) throw nobodyHas(text);
}

function nobodyHas(address: string): Failure {
  return new Failure('not_found', `no user has the address ${address}`);
}

/** The id of a group given by id or by name. */
export async function findGroupId(api: Api, text: string): Promise<string> {
  if (/^grp_[0-9a-z]{26}$/.test(text)) return text;
  const { items } = await readPage(api, apiPath('groups'), { name: text, limit: 1 });
  const [group] = items;
  if (group === undefined) throw missing('group', text, await groupNames(api));
  return readText(group, 'id');
}

/** As many as one page holds: for a hint, and no more. */
async function groupNames(api: Api): Promise<readonly string[]> {
  const { items } = await readPage(api, apiPath('groups'), { limit: 200 });
  return items.map((item) => readText(item, 'name'));
}
