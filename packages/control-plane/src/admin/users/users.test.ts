import { beforeAll, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { loggedOps, newestOps } from '../../testing/log-ops.ts';

let admin: TestAdmin;
let employees: string;
beforeAll(async () => {
  admin = await testAdmin();
  employees = (await admin.send('POST', '/v1/groups', { body: { name: 'employees' } })).body.id;
});

async function createUser(more: object = {}): Promise<string> {
  const { body } = await admin.send('POST', '/v1/users', { body: more });
  return body.id as string;
}

test('a user is created with identities and groups, and goes out in the directory lane', async () => {
  const { status, body } = await admin.send('POST', '/v1/users', {
    body: {
      email: 'Alice@Corp.Test',
      displayName: 'Alice',
      groups: ['employees'],
      identities: [{ issuer: 'https://idp.corp.test', subject: 'alice' }],
    },
  });
  expect(status).toBe(201);
  expect(body).toMatchObject({
    email: 'alice@corp.test',
    displayName: 'Alice',
    status: 'active',
    groups: ['employees'],
    identities: [{ issuer: 'https://idp.corp.test', subject: 'alice' }],
  });
  expect(await newestOps(admin.database, 'directory')).toEqual([
    {
      op: 'user',
      id: body.id,
      email: 'alice@corp.test',
      displayName: 'Alice',
      status: 'active',
      groups: ['employees'],
      employment: null,
    },
  ]);
  expect(await admin.send('GET', `/v1/users/${body.id}`)).toMatchObject({ status: 200, body });
});

test('an identity belongs to one user, and a group must exist before it is named', async () => {
  const identities = [{ issuer: 'https://idp.corp.test', subject: 'twice' }];
  await createUser({ identities });
  const again = await admin.send('POST', '/v1/users', { body: { identities } });
  expect(again).toMatchObject({ status: 409, body: { code: 'conflict' } });
  const unknown = await admin.send('POST', '/v1/users', {
    body: { groups: ['employees', 'martians'] },
  });
  expect(unknown.status).toBe(400);
  expect(unknown.body.errors).toEqual([
    { field: '/groups/1', message: 'there is no group with this name' },
  ]);
});

test('an address with two @, a space or a control character is refused by name', async () => {
  for (const email of ['a@evil@corp.test', 'a b@corp.test', 'a@corp.test\n', 'nobody']) {
    const { status, body } = await admin.send('POST', '/v1/users', { body: { email } });
    expect([email, status, body.errors?.[0]?.field]).toEqual([email, 400, '/email']);
  }
});

test('a change goes out whole, and a suspended user is so in the lane', async () => {
  const id = await createUser({ email: 'bob@corp.test', groups: ['employees'] });
  const { status, body } = await admin.send('PATCH', `/v1/users/${id}`, {
    body: { status: 'suspended' },
  });
  expect([status, body.status]).toEqual([200, 'suspended']);
  expect(await newestOps(admin.database, 'directory')).toMatchObject([
    { op: 'user', id, status: 'suspended', groups: ['employees'] },
  ]);
  const nothing = await admin.send('PATCH', `/v1/users/${id}`, { body: {} });
  expect(nothing.status).toBe(400);
});

test('employment is told to the edges with the user, and can be taken back', async () => {
  const employment = { class: 'contractor', endsAt: '2026-12-31T18:00:00+01:00' };
  const id = await createUser({ employment });
  const op = async () => (await newestOps(admin.database, 'directory'))[0];
  const endsAtMs = Date.UTC(2026, 11, 31, 17);
  expect(await op()).toMatchObject({ id, employment: { class: 'contractor', endsAtMs } });
  const shown = { class: 'contractor', endsAt: '2026-12-31T17:00:00.000Z' };
  expect((await admin.send('GET', `/v1/users/${id}`)).body.employment).toEqual(shown);
  const change = async (to: unknown) => {
    const { status, body } = await admin.send('PATCH', `/v1/users/${id}`, {
      body: { employment: to },
    });
    return [status, body.employment];
  };
  const endless = { class: 'employee', endsAt: null };
  expect(await change({ class: 'employee' })).toEqual([200, endless]);
  // What is not named stays as it is.
  const { body } = await admin.send('PATCH', `/v1/users/${id}`, { body: { displayName: 'A' } });
  expect(body.employment).toEqual(endless);
  expect(await change(null)).toEqual([200, null]);
  expect(await op()).toMatchObject({ employment: null });
});

test('an employment of another class, or that ends on no day, is refused by name', async () => {
  for (const employment of [
    { class: 'intern' },
    { class: null },
    {},
    { class: 'employee', endsAt: '2026-02-30T00:00:00Z' },
    { class: 'employee', endsAt: '2026-12-31' },
    { class: 'employee', endsAt: '1969-12-31T00:00:00Z' },
    { class: 'employee', until: null },
  ]) {
    const { status, body } = await admin.send('POST', '/v1/users', { body: { employment } });
    expect([employment, status, body.errors?.[0]?.field]).toEqual([
      employment,
      400,
      expect.stringMatching(/^\/employment/),
    ]);
  }
});

test('a deleted user leaves devices without an owner, in the same revision', async () => {
  const id = await createUser({ email: 'gone@corp.test' });
  const { body: device } = await admin.send('POST', '/v1/devices', {
    body: { name: 'laptop', ownerUserId: id },
  });
  expect((await admin.send('DELETE', `/v1/users/${id}`)).status).toBe(204);
  expect(await newestOps(admin.database, 'directory')).toEqual([
    { op: 'device', id: device.id, name: 'laptop', managed: false, ownerUserId: null, posture: [] },
    { op: 'deleted_user', id },
  ]);
  expect((await admin.send('GET', `/v1/users/${id}`)).status).toBe(404);
  expect((await admin.send('DELETE', `/v1/users/${id}`)).status).toBe(404);
});

test('members come and go, and each change names all groups of the user', async () => {
  const id = await createUser({ groups: ['employees'] });
  const { body: admins } = await admin.send('POST', '/v1/groups', { body: { name: 'admins' } });
  expect((await admin.send('PUT', `/v1/groups/${admins.id}/members/${id}`)).status).toBe(204);
  expect(await newestOps(admin.database, 'directory')).toMatchObject([
    { op: 'user', id, groups: ['admins', 'employees'] },
  ]);
  const { body: members } = await admin.send('GET', `/v1/groups/${admins.id}/members`);
  expect(members.items).toMatchObject([{ userId: id }]);
  expect((await admin.send('DELETE', `/v1/groups/${employees}/members/${id}`)).status).toBe(204);
  expect((await admin.send('DELETE', `/v1/groups/${employees}/members/${id}`)).status).toBe(404);
  expect((await admin.send('DELETE', `/v1/groups/${admins.id}`)).status).toBe(204);
  expect(await newestOps(admin.database, 'directory')).toMatchObject([
    { op: 'user', id, groups: [] },
  ]);
});

test('changes of one user at the same time end with all of them in the last row', async () => {
  const names = Array.from({ length: 6 }, (_, index) => `parallel-${index}`);
  const groups = await Promise.all(
    names.map(async (name) => (await admin.send('POST', '/v1/groups', { body: { name } })).body.id),
  );
  const id = await createUser();
  await Promise.all(groups.map((group) => admin.send('PUT', `/v1/groups/${group}/members/${id}`)));
  const revisions = await loggedOps(admin.database, 'directory');
  const last = revisions.flat().findLast((op) => op.op === 'user' && op.id === id);
  expect(last).toMatchObject({ groups: names });
});

test('a search finds what it says and takes no wildcards', async () => {
  await createUser({ email: 'percent%sign@corp.test', displayName: 'Per_Cent' });
  const found = async (search: string): Promise<number> => {
    const query = new URLSearchParams({ search }).toString();
    return (await admin.send('GET', `/v1/users?${query}`)).body.items.length as number;
  };
  expect(await found('percent%sign')).toBe(1);
  expect(await found('PER_CENT')).toBe(1);
  expect(await found('percent_sign')).toBe(0);
  expect(await found('%')).toBe(1);
  expect(await found('\\')).toBe(0);
});

test('groups have one name for good, and it is taken once', async () => {
  const again = await admin.send('POST', '/v1/groups', { body: { name: 'employees' } });
  expect(again.status).toBe(409);
  const renamed = await admin.send('PATCH', `/v1/groups/${employees}`, { body: { name: 'x' } });
  expect(renamed.body.errors).toContainEqual({ field: '/name', message: 'is not known here' });
  const described = await admin.send('PATCH', `/v1/groups/${employees}`, {
    body: { description: 'Everybody' },
  });
  expect(described.body.description).toBe('Everybody');
});
