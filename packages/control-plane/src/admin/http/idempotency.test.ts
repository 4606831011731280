import { count } from 'drizzle-orm';
import { beforeAll, expect, test } from 'vitest';
import { idempotencyKeys, users } from '../../store/schema/index.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

async function userCount(): Promise<number> {
  const [row] = await admin.database.db.select({ users: count() }).from(users);
  return row?.users ?? 0;
}

test('a repeated write gets the same answer and writes nothing', async () => {
  const headers = { 'idempotency-key': 'create-alice' };
  const body = { email: 'alice@corp.test', displayName: 'Alice' };
  const before = await userCount();
  const first = await admin.send('POST', '/v1/users', { headers, body });
  const again = await admin.send('POST', '/v1/users', { headers, body });
  // Another spelling of the same JSON is the same request.
  const raw = '{ "displayName": "Alice",\n "email": "alice@corp.test" }';
  const spelt = await admin.send('POST', '/v1/users', { headers, raw });
  expect([first.status, again.status, spelt.status]).toEqual([201, 201, 201]);
  expect([again.body, spelt.body]).toEqual([first.body, first.body]);
  expect(first.headers['idempotency-replayed']).toBeUndefined();
  expect(again.headers['idempotency-replayed']).toBe('true');
  expect(await userCount()).toBe(before + 1);
});

test('a key that was used with another body, path or method is refused with 422', async () => {
  const headers = { 'idempotency-key': 'one-key' };
  const first = await admin.send('POST', '/v1/users', { headers, body: { displayName: 'A' } });
  const others = [
    await admin.send('POST', '/v1/users', { headers, body: { displayName: 'B' } }),
    await admin.send('POST', '/v1/groups', { headers, body: { name: 'a' } }),
    await admin.send('DELETE', `/v1/users/${first.body.id}`, { headers }),
  ];
  for (const other of others) {
    expect(other).toMatchObject({ status: 422, body: { code: 'idempotency_key_reused' } });
  }
  expect((await admin.send('GET', `/v1/users/${first.body.id}`)).status).toBe(200);
});

test('of many requests with one key at the same time one writes, and all get its answer', async () => {
  const headers = { 'idempotency-key': 'at-once' };
  const before = await userCount();
  const answers = await Promise.all(
    Array.from({ length: 6 }, () =>
      admin.send('POST', '/v1/users', { headers, body: { displayName: 'Once' } }),
    ),
  );
  expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
  expect(new Set(answers.map((answer) => answer.body.id)).size).toBe(1);
  expect(await userCount()).toBe(before + 1);
});

test('keys of two tokens are two keys', async () => {
  const headers = { 'idempotency-key': 'shared' };
  const body = { displayName: 'X' };
  const one = await admin.send('POST', '/v1/users', { headers, body });
  const other = await admin.send('POST', '/v1/users', { role: 'policy-admin', headers, body });
  expect(one.body.id).not.toBe(other.body.id);
});

test('a write that failed leaves its key free', async () => {
  const headers = { 'idempotency-key': 'second-try' };
  const failed = await admin.send('POST', '/v1/users', { headers, body: { groups: ['nobody'] } });
  expect(failed.status).toBe(400);
  const other = await admin.send('POST', '/v1/users', { headers, body: {} });
  expect(other.status).toBe(201);
});

test('a token that is shown once is shown again to the same request, and stored sealed', async () => {
  const headers = { 'idempotency-key': 'new-token' };
  const body = { role: 'viewer', label: 'dashboard' };
  const first = await admin.send('POST', '/v1/tokens', { headers, body });
  const again = await admin.send('POST', '/v1/tokens', { headers, body });
  expect(again.body.token).toBe(first.body.token);
  const rows = await admin.database.db.select().from(idempotencyKeys);
  const stored = rows.map((row) => Buffer.from(row.sealedBody).toString('latin1')).join();
  expect(stored).not.toContain(first.body.token);
});

test('a key that is no key is refused by name', async () => {
  for (const key of ['', 'with space', 'x'.repeat(256)]) {
    const { status, body } = await admin.send('POST', '/v1/users', {
      headers: { 'idempotency-key': key },
      body: {},
    });
    expect([key, status, body.errors?.[0]?.field]).toEqual([key, 400, 'idempotency-key']);
  }
});
