import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { text } from 'node:stream/consumers';
import { hashToken } from '@sallyport/shared/keys/tokens';
import { eq } from 'drizzle-orm';
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
  // The second comes with a token that holds no more if the first revoked the sender's own.
  const [first, second] = answers.map((answer) => answer.status).sort((a, b) => a - b);
  expect([first, [401, 409].includes(second ?? 0)]).toEqual([200, true]);
});

test('two owners who revoke each other at the same time do not wait in a ring', async () => {
  const made = await Promise.all(
    ['a', 'b'].map((label) => admin.send('POST', '/v1/tokens', { body: { role: 'owner', label } })),
  );
  const [a, b] = made.map(({ body }) => body as { id: string; token: string });
  if (a === undefined || b === undefined) throw new Error('no tokens');
  const answers = await Promise.all([
    admin.send('DELETE', `/v1/tokens/${b.id}`, { token: a.token }),
    admin.send('DELETE', `/v1/tokens/${a.id}`, { token: b.token }),
  ]);
  expect(answers.map(({ status }) => status).sort((x, y) => x - y)).toEqual([200, 401]);
});

test.each([{}, { 'idempotency-key': 'begun-before' }])(
  'a write that began before its token was revoked is refused (%o)',
  async (headers) => {
    const { body: made } = await admin.send('POST', '/v1/tokens', {
      body: { role: 'owner', label: 'leaver' },
    });
    const token = made.token as string;
    const body = JSON.stringify({ role: 'owner', label: 'way back' });
    // With a key: its answer is there to be replayed.
    if ('idempotency-key' in headers) {
      const first = await admin.send('POST', '/v1/tokens', { token, headers, raw: body });
      expect(first.status).toBe(201);
    }
    const waiting = await begin(token, headers, body);
    expect((await admin.send('DELETE', `/v1/tokens/${made.id}`)).status).toBe(200);
    expect(await waiting()).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
  },
);

/** Sends the head of a request and, once it was authenticated, half its body; the answer: all. */
async function begin(token: string, headers: Readonly<Record<string, string>>, body: string) {
  const sent = httpsRequest(`${admin.origin}/v1/tokens`, {
    method: 'POST',
    ca: admin.ca,
    agent: false,
    headers: {
      ...headers,
      authorization: `Bearer ${token}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    },
  });
  const tokenHash = hashToken(token);
  // Its use is noted when it is authenticated.
  await admin.database.db
    .update(adminTokens)
    .set({ lastUsedAtMs: null })
    .where(eq(adminTokens.tokenHash, tokenHash));
  sent.write(body.slice(0, 5));
  await expect
    .poll(async () => {
      const [row] = await admin.database.db
        .select()
        .from(adminTokens)
        .where(eq(adminTokens.tokenHash, tokenHash));
      return row?.lastUsedAtMs;
    })
    .not.toBeNull();
  return async () => {
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    sent.end(body.slice(5));
    const [response] = await answered;
    return { status: response.statusCode, body: JSON.parse(await text(response)) as unknown };
  };
}
