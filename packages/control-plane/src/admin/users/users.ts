import type { EmploymentFacts } from '@sallyport/policy';
import type { Static } from 'typebox';
import type { Executor } from '../../store/database.ts';
import { deviceOp, disownDevices } from '../../store/devices.ts';
import { addMember, findGroupsByName } from '../../store/groups.ts';
import { deleteHistory } from '../../store/histories.ts';
import {
  deleteUser,
  findIdentities,
  findUser,
  groupNamesOf,
  insertIdentity,
  insertUser,
  lockUsers,
  type UserRow,
  updateUser,
  userOps,
} from '../../store/users.ts';
import type { WriteTx } from '../../store/write.ts';
import { badField, conflict, instantAt, notFound } from '../http/problems.ts';
import { type NewUser, presentUser, type User, type UserChange } from './schemas.ts';

/** Makes a user with identities and memberships by an administrator's word. */
export async function createUser(tx: WriteTx, given: Static<typeof NewUser>): Promise<User> {
  const { email = '', displayName = '', status = 'active', groups = [], identities = [] } = given;
  const { ids, missing } = await findGroupsByName(tx.db, groups);
  const [unknown] = missing;
  if (unknown !== undefined) {
    throw badField(`/groups/${groups.indexOf(unknown)}`, 'there is no group with this name');
  }
  const row = await insertUser(
    tx.db,
    {
      email: email.toLowerCase(),
      displayName,
      status,
      employment: employmentFrom(given.employment ?? null),
    },
    tx.nowMs,
  );
  for (const identity of identities) {
    if (await insertIdentity(tx.db, identity, row.id, tx.nowMs)) continue;
    throw conflict('one of the identities belongs to a user already');
  }
  for (const groupId of ids) await addMember(tx.db, groupId, row.id, tx.nowMs);
  tx.emit('directory', ...(await userOps(tx.db, [row.id])));
  const { employment = null } = given;
  tx.describe(row.id, { email: row.email, status, employment, groups });
  return showUser(tx.db, row);
}

export async function changeUser(
  tx: WriteTx,
  id: string,
  change: Static<typeof UserChange>,
): Promise<User> {
  const { email, employment, ...rest } = change;
  const row = await updateUser(
    tx.db,
    id,
    {
      ...rest,
      ...(email === undefined ? {} : { email: email.toLowerCase() }),
      ...(employment === undefined ? {} : { employment: employmentFrom(employment) }),
    },
    tx.nowMs,
  );
  if (row === null) throw notFound();
  tx.emit('directory', ...(await userOps(tx.db, [id])));
  tx.describe(id, change);
  return showUser(tx.db, row);
}

type WrittenEmployment = NonNullable<Static<typeof NewUser>['employment']>;

function employmentFrom(written: WrittenEmployment | null): EmploymentFacts | null {
  if (written === null) return null;
  const { endsAt = null } = written;
  return {
    class: written.class,
    endsAtMs: endsAt === null ? null : instantAt(endsAt, '/employment/endsAt'),
  };
}

/** Deletes a user. Devices stay, without an owner; sessions go, and would not hold anyway. */
export async function removeUser(tx: WriteTx, id: string): Promise<void> {
  // Locked first, so that no device gets this owner while it goes.
  const [row] = await lockUsers(tx.db, [id]);
  if (row === undefined) throw notFound();
  const disowned = await disownDevices(tx.db, id, tx.nowMs);
  await deleteHistory(tx.db, id);
  await deleteUser(tx.db, id);
  tx.emit('directory', ...disowned.map(deviceOp), { op: 'deleted_user', id });
  tx.describe(id, { email: row.email, devices: disowned.length });
}

export async function readUser(db: Executor, id: string): Promise<User> {
  const row = await findUser(db, id);
  if (row === null) throw notFound();
  return showUser(db, row);
}

/** Users with their groups and identities, in the order of the rows. */
export async function showUsers(db: Executor, rows: readonly UserRow[]): Promise<User[]> {
  const ids = rows.map((row) => row.id);
  const groups = await groupNamesOf(db, ids);
  const identities = await findIdentities(db, ids);
  return rows.map((row) => {
    const own = identities.filter((identity) => identity.userId === row.id);
    return presentUser(row, groups.get(row.id) ?? [], own);
  });
}

async function showUser(db: Executor, row: UserRow): Promise<User> {
  const groups = await groupNamesOf(db, [row.id]);
  return presentUser(row, groups.get(row.id) ?? [], await findIdentities(db, [row.id]));
}
