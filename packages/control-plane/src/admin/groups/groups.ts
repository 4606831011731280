import type { Static } from 'typebox';
import {
  addMember,
  deleteGroup,
  findGroup,
  findMemberIds,
  type GroupRow,
  insertGroup,
  lockGroup,
  removeMember,
  updateGroup,
} from '../../store/groups.ts';
import { lockUsers, userOps } from '../../store/users.ts';
import type { WriteTx } from '../../store/write.ts';
import { conflict, notFound } from '../http/problems.ts';
import type { GroupChange, NewGroup } from './schemas.ts';

export async function createGroup(tx: WriteTx, given: Static<typeof NewGroup>): Promise<GroupRow> {
  const { name, description = '' } = given;
  const row = await insertGroup(tx.db, { name, description }, tx.nowMs);
  if (row === null) throw conflict('a group with this name exists');
  tx.describe(row.id, { name });
  return row;
}

export async function changeGroup(
  tx: WriteTx,
  id: string,
  change: Static<typeof GroupChange>,
): Promise<GroupRow> {
  const row = await updateGroup(tx.db, id, change);
  if (row === null) throw notFound();
  tx.describe(id, change);
  return row;
}

/** Deletes a group; its members' rows go out without it. */
export async function removeGroup(tx: WriteTx, id: string): Promise<void> {
  const row = await findGroup(tx.db, id);
  if (row === null) throw notFound();
  // Users before the group, as sign-in locks them; a member who joins in between is caught by the
  // second look, under the group's lock.
  await lockUsers(tx.db, await findMemberIds(tx.db, id));
  if ((await lockGroup(tx.db, id)) === null) throw notFound();
  const members = await findMemberIds(tx.db, id);
  await deleteGroup(tx.db, id);
  tx.emit('directory', ...(await userOps(tx.db, members)));
  tx.describe(id, { name: row.name, members: members.length });
}

export async function putMember(tx: WriteTx, groupId: string, userId: string): Promise<void> {
  const [user] = await lockUsers(tx.db, [userId]);
  const group = await findGroup(tx.db, groupId);
  if (user === undefined || group === null) throw notFound();
  await addMember(tx.db, groupId, userId, tx.nowMs);
  tx.emit('directory', ...(await userOps(tx.db, [userId])));
  tx.describe(groupId, { name: group.name, userId });
}

export async function deleteMember(tx: WriteTx, groupId: string, userId: string): Promise<void> {
  const [user] = await lockUsers(tx.db, [userId]);
  if (user === undefined) throw notFound();
  if (!(await removeMember(tx.db, groupId, userId))) throw notFound();
  tx.emit('directory', ...(await userOps(tx.db, [userId])));
  tx.describe(groupId, { userId });
}
