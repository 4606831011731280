import { beforeAll, expect, test } from 'vitest';
import { adminTokens } from '../../store/schema/index.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

test('a token is shown once, works at once with its role, and only its hash is stored', async () => {
  const { status, body } = await admin.send('POST', '/v1/tokens', {
    body: { role: 'viewer', label: 'dashboard', expiresInSeconds: 3_600 },
  });
  expect([status, body.token]).toEqual([201, expect.stringMatching(/^sp_adm_[\w-]{43}$/)]);
  expect((await admin.send('GET', '/v1/users', { token: body.token })).status).toBe(200);
  expect((await admin.send('POST', '/v1/users', { token: body.token, body: {} })).status).toBe(403);
  const { body: shown } = await admin.send('GET', `/v1/tokens/${body.id}`);
  expect(shown).toMatchObject({ role: 'viewer', label: 'dashboard', revokedAt: null });
  expect(shown.lastUsedAt).not.toBeNull();
  expect(shown.token).toBeUndefined();
  const rows = await admin.database.db.select().from(adminTokens);
  const stored = rows.map(
    (row) => JSON.stringify(row) + Buffer.from(row.tokenHash).toString('latin1'),
  );
  expect(stored.join()).not.toContain(body.token);
});

test('a revoked token is refused from then on, and stays in the list', async () => {
  const { body } = await admin.send('POST', '/v1/tokens', {
    body: { role: 'owner', label: 'leaver' },
  });
  const revoked = await admin.send('DELETE', `/v1/tokens/${body.id}`);
  expect([revoked.status, revoked.body.revokedAt]).toEqual([200, expect.any(String)]);
  expect((await admin.send('GET', '/v1/users', { token: body.token })).status).toBe(401);
  const again = await admin.send('DELETE', `/v1/tokens/${body.id}`);
  expect(again.body.revokedAt).toBe(revoked.body.revokedAt);
  const { body: list } = await admin.send('GET', '/v1/tokens?limit=200');
  expect(list.items.map((item: { id: string }) => item.id)).toContain(body.id);
});

test('of the owners the last one stays, also when two are revoked at the same time', async () => {
  const fresh = await testAdmin();
  const { body } = await fresh.send('GET', '/v1/tokens?limit=200');
  const owners: { id: string; label: string }[] = body.items.filter(
    (item: { role: string }) => item.role === 'owner',
  );
  expect(owners.map((owner) => owner.label).sort()).toEqual(['first owner', 'owner']);
  const answers = await Promise.all(
    owners.map((owner) => fresh.send('DELETE', `/v1/tokens/${owner.id}`)),
  );
  expect(answers.map((answer) => answer.status).sort((a, b) => a - b)).toEqual([200, 409]);
});
