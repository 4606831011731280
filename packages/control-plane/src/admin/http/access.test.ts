import { generateKeyPairSync } from 'node:crypto';
import { newToken } from '@sallyport/shared/keys/tokens';
import { issueWithNewKey } from '@sallyport/shared/pki/issue';
import { SignJWT } from 'jose';
import { Agent } from 'undici';
import { beforeAll, describe, expect, test } from 'vitest';
import { insertToken } from '../../store/admin-tokens.ts';
import { type Role, roles } from '../../store/schema/index.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';

const all: readonly Role[] = roles;
const directory: readonly Role[] = ['policy-admin', 'owner'];
const responders: readonly Role[] = ['responder', 'owner'];
const owners: readonly Role[] = ['owner'];

const usr = `usr_${'0'.repeat(26)}`;
const grp = `grp_${'0'.repeat(26)}`;
const dev = `dev_${'0'.repeat(26)}`;
const ses = `ses_${'0'.repeat(26)}`;
const sig = `sig_${'0'.repeat(26)}`;
const rev = `rev_${'0'.repeat(26)}`;
const edg = `edg_${'0'.repeat(26)}`;
const rol = `rol_${'0'.repeat(26)}`;
const tok = `tok_${'0'.repeat(26)}`;
const whd = `whd_${'0'.repeat(26)}`;
const sha = 'a'.repeat(64);

/** Every route, and the roles that get past its door. */
const table: readonly (readonly [method: string, path: string, roles: readonly Role[]])[] = [
  ['POST', '/v1/config:apply', directory],
  ['GET', '/v1/config', all],
  ['GET', '/v1/config/versions', all],
  ['GET', '/v1/config/versions/7', all],
  ['GET', '/v1/config/versions/7/diff', all],
  ['POST', '/v1/config/versions/7/approve', directory],
  ['POST', '/v1/config/versions/7/reject', directory],
  ['POST', '/v1/config:rollback', directory],
  ['GET', '/v1/schema', all],
  ['GET', '/v1/rollouts', all],
  ['GET', `/v1/rollouts/${rol}`, all],
  ['POST', '/v1/rollouts', directory],
  ['POST', `/v1/rollouts/${rol}/promote`, directory],
  ['POST', `/v1/rollouts/${rol}/pause`, directory],
  ['POST', `/v1/rollouts/${rol}/resume`, directory],
  ['POST', `/v1/rollouts/${rol}/abort`, directory],
  ['POST', '/v1/policy:simulate', all],
  ['POST', '/v1/policy:replay', all],
  ['GET', '/v1/shadow', all],
  ['GET', '/v1/shadow/report', all],
  ['PUT', '/v1/shadow', directory],
  ['DELETE', '/v1/shadow', directory],
  ['GET', '/v1/access/who-can', all],
  ['GET', '/v1/access/what-can', all],
  ['GET', '/v1/users', all],
  ['GET', `/v1/users/${usr}`, all],
  ['POST', '/v1/users', directory],
  ['PATCH', `/v1/users/${usr}`, directory],
  ['DELETE', `/v1/users/${usr}`, directory],
  ['GET', '/v1/groups', all],
  ['GET', `/v1/groups/${grp}`, all],
  ['POST', '/v1/groups', directory],
  ['PATCH', `/v1/groups/${grp}`, directory],
  ['DELETE', `/v1/groups/${grp}`, directory],
  ['GET', `/v1/groups/${grp}/members`, all],
  ['PUT', `/v1/groups/${grp}/members/${usr}`, directory],
  ['DELETE', `/v1/groups/${grp}/members/${usr}`, directory],
  ['GET', '/v1/devices', all],
  ['GET', `/v1/devices/${dev}`, all],
  ['POST', '/v1/devices', directory],
  ['PATCH', `/v1/devices/${dev}`, directory],
  ['DELETE', `/v1/devices/${dev}`, directory],
  ['PUT', `/v1/devices/${dev}/posture`, directory],
  ['GET', `/v1/devices/${dev}/certificates`, all],
  ['POST', `/v1/devices/${dev}/certificates`, directory],
  ['DELETE', `/v1/devices/${dev}/certificates/${sha}`, directory],
  ['GET', '/v1/sessions', all],
  ['GET', `/v1/sessions/${ses}`, all],
  ['DELETE', `/v1/sessions/${ses}`, responders],
  ['GET', '/v1/revocations', all],
  ['GET', `/v1/revocations/${rev}`, all],
  ['POST', '/v1/revocations', responders],
  ['DELETE', `/v1/revocations/${rev}`, responders],
  ['GET', '/v1/signals', all],
  ['GET', `/v1/signals/${sig}`, all],
  ['POST', `/v1/signals/${sig}/dismiss`, responders],
  ['POST', `/v1/signals/${sig}/undismiss`, responders],
  ['GET', `/v1/users/${usr}/risk`, all],
  ['GET', '/v1/decisions', all],
  ['GET', '/v1/decisions/abc', all],
  ['GET', '/v1/decisions/abc/explanation', all],
  ['GET', '/v1/decisions/summary', all],
  ['GET', '/v1/migration', all],
  ['GET', '/v1/large-headers', all],
  ['GET', '/v1/edges', all],
  ['GET', `/v1/edges/${edg}`, all],
  ['DELETE', `/v1/edges/${edg}`, owners],
  ['POST', '/v1/edges:join-token', owners],
  ['GET', '/v1/tokens', owners],
  ['GET', `/v1/tokens/${tok}`, owners],
  ['POST', '/v1/tokens', owners],
  ['DELETE', `/v1/tokens/${tok}`, owners],
  ['GET', '/v1/secrets', directory],
  ['PUT', '/v1/secrets/some-name', directory],
  ['DELETE', '/v1/secrets/some-name', directory],
  ['GET', '/v1/audit', all],
  ['GET', '/v1/exports', all],
  ['GET', '/v1/webhooks', all],
  ['GET', '/v1/webhooks/deliveries', all],
  ['POST', `/v1/webhooks/deliveries/${whd}/redeliver`, directory],
  ['GET', '/v1/keys', all],
  ['POST', '/v1/keys:propose', owners],
  ['POST', '/v1/keys:endorse', owners],
  ['POST', '/v1/keys:withdraw', owners],
  ['POST', '/v1/epoch:raise', responders],
];
const open = ['/.well-known/sallyport/jwks.json'];

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

test('the table of this test has every route of the API', () => {
  const documented = Object.entries(admin.openApi.paths)
    .flatMap(([path, operations]) => Object.keys(operations).map((method) => [method, path]))
    .filter(([, path]) => !open.includes(path ?? ''))
    .map(([method, path]) => `${method?.toUpperCase()} ${path?.replaceAll(/\{\w+\}/g, '*')}`);
  const tested = table.map(
    ([method, path]) =>
      `${method} ${path.replaceAll(/(usr|grp|dev|ses|rev|sig|edg|tok|rol|whd)_0+|a{64}|some-name|\b7\b|abc/g, '*')}`,
  );
  expect(documented.sort()).toEqual(tested.sort());
});

describe.each(roles)('as %s', (role) => {
  test.each(table)('%s %s is open or closed as the table says', async (method, path, allowed) => {
    const body = method === 'GET' || method === 'DELETE' ? undefined : { nonsense: true };
    const { status } = await admin.send(method, path, { role, body });
    if (allowed.includes(role)) expect([200, 400, 404]).toContain(status);
    else expect(status).toBe(403);
  });
});

describe('whoever has no right to be here (abuse row 121)', () => {
  const closed = table.map(([method, path]) => [method, path] as const);

  test.each(closed)('%s %s without credentials is 401', async (method, path) => {
    const body = method === 'GET' || method === 'DELETE' ? undefined : {};
    const answer = await admin.send(method, path, { token: null, body });
    expect(answer.status).toBe(401);
    expect(answer.headers['www-authenticate']).toBe('Bearer');
  });

  test('every kind of bad token gets the same answer, word for word', async () => {
    const known = admin.tokens.owner;
    const expired = newToken('adm');
    const revoked = newToken('adm');
    const nowMs = Date.now();
    const row = { role: 'owner', label: 'x', createdBy: 'test', createdAtMs: nowMs } as const;
    await insertToken(admin.database.db, {
      ...row,
      id: `tok_${'1'.repeat(26)}`,
      tokenHash: expired.sha256,
      expiresAtMs: nowMs - 1,
    });
    await insertToken(admin.database.db, {
      ...row,
      id: `tok_${'2'.repeat(26)}`,
      tokenHash: revoked.sha256,
      expiresAtMs: null,
    });
    await admin.send('DELETE', `/v1/tokens/tok_${'2'.repeat(26)}`);
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const assertion = await new SignJWT({ aud: 'https://wiki.corp.test' })
      .setProtectedHeader({ alg: 'ES256', typ: 'sallyport-assertion+jwt' })
      .setExpirationTime('2m')
      .sign(privateKey);
    const wrong = [
      ['expired', `Bearer ${expired.token}`],
      ['revoked', `Bearer ${revoked.token}`],
      ['unknown', `Bearer ${newToken('adm').token}`],
      ['a join token', `Bearer ${newToken('join').token}`],
      ['an assertion of an edge', `Bearer ${assertion}`],
      ['another case', `Bearer ${known.toUpperCase()}`],
      ['one character more', `Bearer ${known}a`],
      ['two tokens', `Bearer ${known}, Bearer ${known}`],
      ['basic', `Basic ${Buffer.from(`owner:${known}`).toString('base64')}`],
      ['bare', known],
      ['empty', ''],
    ] as const;
    const answers = new Set<string>();
    for (const [name, authorization] of wrong) {
      const { status, body } = await admin.send('GET', '/v1/tokens', {
        token: null,
        headers: { authorization },
      });
      expect([name, status]).toEqual([name, 401]);
      answers.add(JSON.stringify({ ...body, correlationId: '' }));
    }
    expect([...answers]).toHaveLength(1);
    for (const word of ['expired', 'revoked', 'unknown', 'database', 'tok_']) {
      expect([...answers].join()).not.toContain(word);
    }
  });

  test('a device certificate is no credential', async () => {
    const device = await issueWithNewKey(admin.context.deviceAuthority, {
      commonName: 'laptop',
      usage: 'client',
      days: 1,
    });
    const { ca } = admin;
    const connect = { ca, cert: device.certificatePem, key: device.privateKeyPem };
    const agent = new Agent({ connect });
    const { origin } = admin;
    const { statusCode } = await agent.request({ origin, method: 'GET', path: '/v1/users' });
    await agent.destroy();
    expect(statusCode).toBe(401);
  });

  test('no header turns one method into another', async () => {
    const { body: user } = await admin.send('POST', '/v1/users', { body: {} });
    for (const name of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
      const headers = { [name]: 'DELETE' };
      const answer = await admin.send('GET', `/v1/users/${user.id}`, { headers });
      expect([name, answer.status]).toEqual([name, 200]);
    }
    const query = await admin.send('GET', `/v1/users/${user.id}?_method=DELETE`);
    expect(query.status).toBe(400);
    expect((await admin.send('GET', `/v1/users/${user.id}`)).status).toBe(200);
  });

  test('403 says nothing of what is behind the door', async () => {
    const there = await admin.send('DELETE', `/v1/tokens/tok_${'2'.repeat(26)}`, {
      role: 'viewer',
    });
    const absent = await admin.send('DELETE', `/v1/tokens/${tok}`, { role: 'viewer' });
    expect(there.status).toBe(403);
    expect({ ...there.body, correlationId: '' }).toEqual({ ...absent.body, correlationId: '' });
  });

  test('a page in a browser is turned away', async () => {
    const page = await admin.send('GET', '/v1/users', { headers: { origin: 'https://evil.test' } });
    expect(page.status).toBe(403);
  });
});
