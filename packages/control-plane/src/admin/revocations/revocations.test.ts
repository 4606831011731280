import { newId } from '@sallyport/shared/ids';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { EdgeReceipt } from '../../ports.ts';
import { transaction } from '../../store/database.ts';
import { insertEdge } from '../../store/edges.ts';
import { holdGenerations } from '../../store/generations.ts';
import { isBlocked } from '../../store/revocations.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { newestOps } from '../../testing/log-ops.ts';
import { bornSession } from '../../testing/sessions.ts';

let admin: TestAdmin;
let user: string;
let device: string;
beforeAll(async () => {
  admin = await testAdmin();
});
beforeEach(async () => {
  const made = await admin.send('POST', '/v1/users', {
    body: { email: `${newId('usr')}@corp.test` },
  });
  user = made.body.id;
  device = (await admin.send('POST', '/v1/devices', { body: { name: 'laptop' } })).body.id;
});

const revoke = (body: object, query = '') =>
  admin.send('POST', `/v1/revocations${query}`, {
    role: 'responder',
    body: { reason: 'a test', ...body },
  });

async function applyService(name: string): Promise<void> {
  await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'the value' } });
  const apiVersion = 'sallyport.dev/v1';
  const issuer = 'https://idp.corp.test';
  const signIn = { host: 'signin.corp.test', identityProvider: 'corp' };
  const documents = [
    {
      apiVersion,
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: { issuer, clientId: 'sallyport', clientSecret: 'corp-secret' },
    },
    { apiVersion, kind: 'Settings', metadata: { name: 'default' }, spec: { signIn } },
    { apiVersion, kind: 'ServiceIdentity', metadata: { name }, spec: { devices: [device] } },
  ];
  const answer = await admin.send('POST', '/v1/config:apply', {
    body: { documents, message: 'x' },
  });
  expect([answer.status, answer.body.errors]).toEqual([201, undefined]);
}

async function isLive(sid: string): Promise<boolean> {
  return (await admin.send('GET', `/v1/sessions/${sid}`)).body.live as boolean;
}

describe('to end', () => {
  test('a session lists its sid, and no other session ends', async () => {
    const [sid, other] = [await bornSession(admin, user), await bornSession(admin, user)];
    const { status, body } = await revoke({ target: { kind: 'session', id: sid } });
    expect(status).toBe(201);
    expect(body).toMatchObject({ effect: 'end', target: { kind: 'session', id: sid } });
    expect(await newestOps(admin.database, 'revoke')).toMatchObject([{ op: 'ended_session', sid }]);
    expect([await isLive(sid), await isLive(other)]).toEqual([false, true]);
  });

  test('a user or a device adds 1 to a generation each time, for all sessions at once', async () => {
    const sids = [
      await bornSession(admin, user),
      await bornSession(admin, user, device),
      await bornSession(admin, user),
    ];
    await revoke({ target: { kind: 'device', id: device }, effect: 'end' });
    expect(await newestOps(admin.database, 'revoke')).toEqual([
      { op: 'generation', scope: 'device', subjectId: device, value: 1 },
    ]);
    expect(await Promise.all(sids.map(isLive))).toEqual([true, false, true]);
    for (const value of [1, 2]) {
      await revoke({ target: { kind: 'user', id: user }, effect: 'end' });
      expect(await newestOps(admin.database, 'revoke')).toEqual([
        { op: 'generation', scope: 'user', subjectId: user, value },
      ]);
    }
    expect(await Promise.all(sids.map(isLive))).toEqual([false, false, false]);
    // Signing in again is allowed.
    expect(await isLive(await bornSession(admin, user, device))).toBe(true);
  });

  test('everyone raises the global generation', async () => {
    const sid = await bornSession(admin, user);
    const { body } = await revoke({ target: { kind: 'everyone' } });
    expect(body).toMatchObject({ effect: 'end', target: { kind: 'everyone', id: null } });
    expect(await newestOps(admin.database, 'revoke')).toMatchObject([
      { op: 'generation', scope: 'global', subjectId: '' },
    ]);
    expect(await isLive(sid)).toBe(false);
  });
});

describe('to block', () => {
  test('a service identity goes by its name, which some version must have', async () => {
    const unknown = await revoke({ target: { kind: 'service', name: 'ci-runner' } });
    expect([unknown.status, unknown.body.errors[0].field]).toEqual([400, '/target/name']);
    await applyService('ci-runner');
    const { status, body } = await revoke({ target: { kind: 'service', name: 'ci-runner' } });
    expect([status, body.effect]).toEqual([201, 'block']);
    expect(body.target).toEqual({ kind: 'service', id: 'ci-runner' });
    const subject = { revocationId: body.id, kind: 'service', subjectId: 'ci-runner' };
    expect(await newestOps(admin.database, 'revoke')).toEqual([
      { op: 'block', ...subject, expiresAtMs: null },
    ]);
    const { body: list } = await admin.send('GET', '/v1/revocations?kind=service&id=ci-runner');
    expect(list.items).toMatchObject([{ id: body.id }]);
    expect((await admin.send('DELETE', `/v1/revocations/${body.id}`)).status).toBe(200);
    expect(await newestOps(admin.database, 'revoke')).toEqual([{ op: 'lifted_block', ...subject }]);
    const end = { target: { kind: 'service', name: 'ci-runner' }, effect: 'end' };
    expect((await revoke(end)).status).toBe(422);
  });

  test('is the default for user, device, certificate and edge, and sessions stay', async () => {
    const sid = await bornSession(admin, user);
    const edge = newId('edg');
    await insertEdge(admin.database.db, {
      id: edge,
      region: 'south',
      labels: {},
      assertionJwks: [],
      identitySha256: 'a'.repeat(64),
      identityNotAfterMs: Date.now() + 60_000,
      joinedAtMs: Date.now(),
      renewedAtMs: Date.now(),
    });
    const targets = [
      { kind: 'user', id: user },
      { kind: 'device', id: device },
      { kind: 'certificate', id: 'b'.repeat(64) },
      { kind: 'edge', id: edge },
    ] as const;
    for (const target of targets) {
      const { status, body } = await revoke({ target });
      expect([status, body.effect]).toEqual([201, 'block']);
      expect(await newestOps(admin.database, 'revoke')).toEqual([
        {
          op: 'block',
          revocationId: body.id,
          kind: target.kind,
          subjectId: target.id,
          expiresAtMs: null,
        },
      ]);
      expect(await isBlocked(admin.database.db, target.kind, target.id, Date.now())).toBe(true);
    }
    expect(await isLive(sid)).toBe(true);
  });

  test('everyone is a lockdown, which expires or is lifted', async () => {
    const { body } = await revoke({
      target: { kind: 'everyone' },
      effect: 'block',
      expiresInSeconds: 600,
    });
    const [op] = await newestOps(admin.database, 'revoke');
    expect(op).toMatchObject({ op: 'block', kind: 'everyone', subjectId: '' });
    expect(body.expiresAt).toBe(new Date(Date.parse(body.createdAt) + 600_000).toISOString());
    const lifted = await admin.send('DELETE', `/v1/revocations/${body.id}`, { role: 'responder' });
    expect(lifted.status).toBe(200);
    expect(lifted.body.liftedAt).not.toBeNull();
    expect(await newestOps(admin.database, 'revoke')).toEqual([
      { op: 'lifted_block', revocationId: body.id, kind: 'everyone', subjectId: '' },
    ]);
    const now = Date.now();
    expect(await isBlocked(admin.database.db, 'everyone', '', now)).toBe(false);
    const again = await admin.send('DELETE', `/v1/revocations/${body.id}`, { role: 'responder' });
    expect([again.status, again.body.position]).toEqual([200, null]);
  });

  test('a user is found by e-mail, if only one has the address', async () => {
    const email = 'Twin@corp.test';
    const first = await admin.send('POST', '/v1/users', { body: { email } });
    const { body } = await revoke({ target: { kind: 'user', email } });
    expect(body.target.id).toBe(first.body.id);
    const second = await admin.send('POST', '/v1/users', { body: { email } });
    const ambiguous = await revoke({ target: { kind: 'user', email } });
    expect([ambiguous.status, ambiguous.body.errors[0].field]).toEqual([422, '/target/email']);
    expect(ambiguous.body.detail).toContain(second.body.id);
    const nobody = await revoke({ target: { kind: 'user', email: 'no@corp.test' } });
    expect([nobody.status, nobody.body.errors[0].field]).toEqual([400, '/target/email']);
  });
});

describe('what makes no sense', () => {
  test('a session cannot be blocked, and a certificate or an edge not ended', async () => {
    const sid = await bornSession(admin, user);
    const cases = [
      { target: { kind: 'session', id: sid }, effect: 'block' },
      { target: { kind: 'certificate', id: 'c'.repeat(64) }, effect: 'end' },
      { target: { kind: 'edge', id: `edg_${'0'.repeat(26)}` }, effect: 'end' },
    ];
    for (const body of cases) {
      const answer = await revoke(body);
      expect([answer.status, answer.body.errors[0].field]).toEqual([422, '/effect']);
    }
  });

  test('what is ended does not expire and cannot be lifted', async () => {
    const target = { kind: 'user', id: user };
    const expiring = await revoke({ target, effect: 'end', expiresInSeconds: 60 });
    expect([expiring.status, expiring.body.errors[0].field]).toEqual([422, '/expiresInSeconds']);
    const { body } = await revoke({ target, effect: 'end' });
    expect((await admin.send('DELETE', `/v1/revocations/${body.id}`)).status).toBe(409);
  });

  test('a target that names nothing, or in two ways, is refused by name', async () => {
    const absent = await revoke({ target: { kind: 'user', id: `usr_${'0'.repeat(26)}` } });
    expect([absent.status, absent.body.errors[0].field]).toEqual([400, '/target/id']);
    const bad = [
      { kind: 'user' },
      { kind: 'user', id: user, email: 'a@corp.test' },
      { kind: 'everyone', id: user },
      { kind: 'device', id: user },
      { kind: 'nobody' },
      'everyone',
    ];
    for (const target of bad) expect((await revoke({ target })).status).toBe(400);
    const unexplained = await admin.send('POST', '/v1/revocations', {
      body: { target: { kind: 'everyone' } },
    });
    expect(unexplained.body.errors).toEqual([{ field: '/reason', message: 'is missing' }]);
  });
});

describe('?wait=enforced', () => {
  const receipt = (edgeId: string, more: Partial<EdgeReceipt> = {}): EdgeReceipt => ({
    edgeId,
    region: 'south',
    status: 'enforced',
    tookMs: 3.5,
    path: 'grpc',
    ...more,
  });

  test('answers 201 with each edge and its time when all have enforced it', async () => {
    admin.receipts.describe([receipt('edg_a'), receipt('edg_b')]);
    const { status, body } = await revoke({ target: { kind: 'user', id: user } }, '?wait=enforced');
    expect([status, body.enforced]).toEqual([201, true]);
    expect(body.receipts).toEqual([receipt('edg_a'), receipt('edg_b')]);
    expect(admin.receipts.waits.at(-1)).toEqual({
      lane: 'revoke',
      rev: body.position.rev,
      timeoutMs: 5_000,
    });
  });

  test('answers 202 with the unreachable when one has not', async () => {
    const late = receipt('edg_b', { status: 'unreachable', tookMs: null, path: null });
    admin.receipts.describe([receipt('edg_a'), late]);
    const { status, body } = await revoke({ target: { kind: 'user', id: user } }, '?wait=enforced');
    expect([status, body.enforced]).toEqual([202, false]);
    expect(body.receipts[1]).toEqual(late);
    const lifted = await admin.send('DELETE', `/v1/revocations/${body.id}?wait=enforced`);
    expect([lifted.status, lifted.body.enforced]).toEqual([202, false]);
  });

  test('a repeat with the same key waits again and writes nothing', async () => {
    admin.receipts.describe([receipt('edg_a')]);
    const headers = { 'idempotency-key': 'kill-switch' };
    const body = { target: { kind: 'user', id: user }, reason: 'stolen' };
    const send = () => admin.send('POST', '/v1/revocations?wait=enforced', { headers, body });
    const [first, again] = [await send(), await send()];
    expect(again.body).toEqual(first.body);
    expect([again.status, again.body.enforced]).toEqual([201, true]);
  });
});

test('lists tell blocks in force from the rest', async () => {
  const { body: block } = await revoke({ target: { kind: 'device', id: device } });
  await revoke({ target: { kind: 'device', id: device }, effect: 'end' });
  const idsOf = async (query: string): Promise<string[]> => {
    const { body } = await admin.send('GET', `/v1/revocations?id=${device}&${query}`);
    return body.items.map((item: { id: string }) => item.id);
  };
  expect(await idsOf('active=true')).toEqual([block.id]);
  expect(await idsOf('active=false')).toHaveLength(1);
  expect(await idsOf('kind=device')).toHaveLength(2);
  expect((await admin.send('GET', `/v1/revocations/${block.id}`)).body.reason).toBe('a test');
});

test('no session is born between a sign-in and a revocation of its user (abuse row 132)', async () => {
  const signedIn = Promise.withResolvers<void>();
  const holding = Promise.withResolvers<void>();
  const signIn = transaction(admin.database.ordinary, async (db) => {
    const { user: generation } = await holdGenerations(db, user, null);
    holding.resolve();
    await signedIn.promise;
    return generation;
  });
  await holding.promise;
  let revoked = false;
  const revocation = revoke({ target: { kind: 'user', id: user }, effect: 'end' }).then(
    (answer) => {
      revoked = true;
      return answer;
    },
  );
  await expect
    .poll(
      async () => {
        const { rows } = await admin.database.bulk.query<{ n: number }>(
          `select count(*)::int as n from pg_stat_activity
           where datname = current_database() and wait_event_type = 'Lock'`,
        );
        return rows[0]?.n;
      },
      { timeout: 900, interval: 5 },
    )
    .toBe(1);
  expect(revoked).toBe(false);
  signedIn.resolve();
  const bornWith = await signIn;
  expect((await revocation).status).toBe(201);
  // The statement of that sign-in carries a generation that is no longer the state's.
  const now = await transaction(admin.database.ordinary, (db) => holdGenerations(db, user, null));
  expect(now.user).toBe(bornWith + 1);
});
