import { beforeAll, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

test('each write has one row that says who, what and by which request', async () => {
  const { headers, body } = await admin.send('POST', '/v1/groups', {
    role: 'policy-admin',
    body: { name: 'employees' },
  });
  const { body: audit } = await admin.send('GET', `/v1/audit?resource=group&resourceId=${body.id}`);
  expect(audit.items).toHaveLength(1);
  expect(audit.items[0]).toMatchObject({
    actor: { kind: 'token', label: 'policy-admin' },
    verb: 'create',
    detail: { name: 'employees' },
    requestId: headers['sallyport-request-id'],
    sourceAddress: '127.0.0.1',
  });
});

test('what was refused, read or repeated is not a write', async () => {
  const total = async (): Promise<number> =>
    (await admin.send('GET', '/v1/audit?limit=200')).body.items.length;
  const headers = { 'idempotency-key': 'one' };
  await admin.send('POST', '/v1/groups', { headers, body: { name: 'admins' } });
  const before = await total();
  await admin.send('POST', '/v1/groups', { headers, body: { name: 'admins' } });
  await admin.send('POST', '/v1/groups', { body: { name: 'admins' } });
  await admin.send('POST', '/v1/groups', { role: 'viewer', body: { name: 'x' } });
  await admin.send('GET', '/v1/groups');
  expect(await total()).toBe(before);
});

test('pages go back in time, and the first start is at their end', async () => {
  const found: { id: number; resource: string }[] = [];
  let cursor = '';
  do {
    const { body } = await admin.send('GET', `/v1/audit?limit=2${cursor}`);
    found.push(...body.items);
    cursor = body.nextCursor === null ? '' : `&cursor=${body.nextCursor}`;
  } while (cursor !== '');
  const ids = found.map((entry) => entry.id);
  expect(ids).toEqual(ids.toSorted((a, b) => b - a));
  expect(new Set(ids).size).toBe(ids.length);
  expect(found.at(-1)).toMatchObject({ resource: 'installation' });
});
