import { create } from '@bufbuild/protobuf';
import {
  CompleteSignInRequestSchema,
  EndSessionRequestSchema,
  PlaceSchema,
  positionFromWire,
  RedeemHandOverRequestSchema,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { StateOp, User } from '@sallyport/shared/state/model';
import { eq } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type RevocationOrder, revoke } from '../revoke/revoke.ts';
import { readHead } from '../store/change-log.ts';
import { insertDevice } from '../store/devices.ts';
import { addMember, insertGroup } from '../store/groups.ts';
import { findings } from '../store/schema/index.ts';
import { lockUsers, updateUser, userOps } from '../store/users.ts';
import { write } from '../store/write.ts';
import { testActor } from '../testing/edge-world.ts';
import { startIdentityProvider, type TestProvider } from '../testing/identity-provider.ts';
import { ScriptedEdge } from '../testing/scripted-edge.ts';
import {
  type Attempt,
  newAttempt,
  outcomeOf,
  type SignInWorld,
  startSignInWorld,
} from '../testing/sign-in-world.ts';
import { counts } from '../testing/signals.ts';

let world: SignInWorld;
let idp: TestProvider;
let subjects = 0;

beforeAll(async () => {
  world = await startSignInWorld();
  idp = await startIdentityProvider(world.authority, [world.redirectUri('corp')]);
  await world.configure([{ ...idp, name: 'corp' }]);
});

beforeEach(() => {
  subjects += 1;
  idp.account = {
    sub: `subject-${subjects}`,
    email: `User${subjects}@Corp.Example`,
    email_verified: true,
    name: 'Alice Example',
    groups: ['staff', 'employees'],
  };
});

const attempt = (): Attempt => newAttempt(world.redirectUri('corp'), 'corp');

async function callbackOf(one: Attempt): Promise<string> {
  return idp.signIn(await world.begin(one));
}

async function signIn(one: Attempt = attempt()) {
  const response = await world.complete(one, await callbackOf(one));
  return { response, statement: await world.statementOf(response) };
}

async function order(wanted: Omit<RevocationOrder, 'reason' | 'by' | 'expiresAtMs'>) {
  const whole = { ...wanted, reason: 'test', by: 'test', expiresAtMs: null };
  const action = { verb: 'create', resource: 'revocation' };
  return write(world.database, testActor, action, (tx) => revoke(tx, whole));
}

async function userOf(id: string): Promise<StateOp | undefined> {
  const [user] = await userOps(world.database.db, [id]);
  return user;
}

async function codeOf(call: Promise<unknown>): Promise<number | undefined> {
  return call.then(
    () => undefined,
    (error: { code?: number }) => error.code,
  );
}

describe('the way to the provider', () => {
  it('carries PKCE with S256, state and nonce, and the scopes of the document', async () => {
    const one = attempt();
    const { origin, searchParams } = new URL(await world.begin(one));
    expect(origin).toBe(idp.issuer);
    expect(Object.fromEntries(searchParams)).toMatchObject({
      response_type: 'code',
      code_challenge_method: 'S256',
      state: one.state,
      nonce: one.nonce,
      redirect_uri: one.redirectUri,
      scope: 'openid email profile groups',
    });
    expect(searchParams.has('prompt')).toBe(false);
  });

  it('asks for a fresh authentication in a step-up', async () => {
    const { searchParams } = new URL(await world.begin({ ...attempt(), stepUp: true }));
    expect(searchParams.get('prompt')).toBe('login');
    expect(searchParams.get('max_age')).toBe('0');
  });

  it('is not opened for another redirect URI, short values or an unknown provider', async () => {
    const good = attempt();
    const redirects = [
      'http://signin.corp.localhost:8443/.well-known/sallyport/callback/corp',
      'https://evil.example/.well-known/sallyport/callback/corp',
      'https://signin.corp.localhost.evil.example/.well-known/sallyport/callback/corp',
      'https://signin.corp.localhost:8443@evil.example/.well-known/sallyport/callback/corp',
      'https://signin.corp.localhost/.well-known/sallyport/callback/other',
      'https://signin.corp.localhost/.well-known/sallyport/callback/corp/',
      'https://signin.corp.localhost/.well-known/sallyport/x/../callback/corp',
      'https://signin.corp.localhost/.well-known/sallyport/callback/corp?x=1',
      'https://signin.corp.localhost/.well-known/sallyport/callback/corp#',
      'not a url',
    ];
    for (const redirectUri of redirects) {
      expect(await codeOf(world.begin({ ...good, redirectUri })), redirectUri).toBe(
        status.INVALID_ARGUMENT,
      );
    }
    for (const bad of [{ state: 'short' }, { nonce: '' }, { nonce: good.state }]) {
      expect(await codeOf(world.begin({ ...good, ...bad }))).toBe(status.INVALID_ARGUMENT);
    }
    expect(await codeOf(world.begin({ ...good, provider: 'none' }))).toBe(status.NOT_FOUND);
  });
});

describe('a callback', () => {
  it('gives a signed statement, and the directory has user and groups at its position', async () => {
    const { response, statement } = await signIn();
    expect(statement).toMatchObject({
      deviceId: null,
      amr: ['pwd', 'otp'],
      acr: 'urn:test:high',
      generations: { global: 0, user: 0, device: 0 },
    });
    expect(statement.expiresAtMs - statement.issuedAtMs).toBe(3_600_000);
    const edge = new ScriptedEdge(world.edge.client, { directory: null });
    if (response.result.case !== 'signedIn') throw new Error('not signed in');
    const position = positionFromWire(response.result.value.directory);
    await edge.until(() => (edge.lane('directory').head?.rev ?? 0) >= (position?.rev ?? 1));
    const user = edge
      .lane('directory')
      .ops.findLast((op): op is User => op.op === 'user' && op.id === statement.userId);
    expect(user).toMatchObject({
      email: `user${subjects}@corp.example`,
      displayName: 'Alice Example',
      groups: ['employees', 'staff'],
    });
    edge.close();
  });

  it('finds the same user again, with the groups that the provider names now', async () => {
    const first = await signIn();
    idp.account = { ...idp.account, groups: ['contractors'] };
    const { database } = world;
    const action = { verb: 'test', resource: 'test' };
    await write(database, testActor, action, async (tx) => {
      await lockUsers(tx.db, [first.statement.userId]);
      const admins = { name: `admins-${subjects}`, description: '' };
      const group = await insertGroup(tx.db, admins, tx.nowMs);
      await addMember(tx.db, group?.id ?? '', first.statement.userId, tx.nowMs);
    });
    const second = await signIn();
    expect(second.statement.userId).toBe(first.statement.userId);
    expect(second.statement.sid).not.toBe(first.statement.sid);
    expect(await userOf(first.statement.userId)).toMatchObject({
      groups: [`admins-${subjects}`, 'contractors'],
    });
    const head = await readHead(database.db, 'directory');
    await signIn();
    expect(await readHead(database.db, 'directory')).toEqual(head);
  });

  it('makes one user when two first sign-ins of a person come at the same time', async () => {
    const attempts = [attempt(), attempt(), attempt()];
    const queries: string[] = [];
    for (const one of attempts) queries.push(await callbackOf(one));
    const responses = await Promise.all(
      attempts.map((one, index) => world.complete(one, queries[index] ?? '')),
    );
    const statements = await Promise.all(responses.map((one) => world.statementOf(one)));
    expect(new Set(statements.map(({ userId }) => userId)).size).toBe(1);
  });

  it('keeps an e-mail address only if it can be believed', async () => {
    const addresses: [unknown, unknown, string][] = [
      ['a@evil@corp.example', true, ''],
      ['a@corp.example ', true, ''],
      ['a@corp.example', false, ''],
      ['A@CORP.EXAMPLE', undefined, 'a@corp.example'],
      [['a@corp.example'], true, ''],
    ];
    for (const [index, [email, verified, kept]] of addresses.entries()) {
      idp.account = { sub: `mail-${index}`, email, email_verified: verified };
      const { statement } = await signIn();
      expect(await userOf(statement.userId), String(email)).toMatchObject({ email: kept });
    }
  });

  it('is accepted once', async () => {
    const one = attempt();
    const query = await callbackOf(one);
    const outcomes = await Promise.all(
      [1, 2, 3].map(async () => outcomeOf(await world.complete(one, query))),
    );
    expect(outcomes.toSorted()).toEqual(['STATE_USED', 'STATE_USED', 'signed in']);
    expect(outcomeOf(await world.complete(one, query))).toBe('STATE_USED');
  });

  it('is refused with another state, nonce, verifier, issuer or redirect URI', async () => {
    const other = attempt();
    const changes: Partial<Attempt>[] = [
      { nonce: other.nonce },
      { codeVerifier: other.codeVerifier },
      { state: other.state },
      { redirectUri: world.redirectUri('corp').replace(':8443', ':9443') },
      { redirectUri: 'https://evil.example/.well-known/sallyport/callback/corp' },
    ];
    for (const change of changes) {
      const one = attempt();
      const query = await callbackOf(one);
      const outcome = outcomeOf(await world.complete({ ...one, ...change }, query));
      expect(outcome, Object.keys(change).join()).toBe('REFUSED');
    }
    for (const edit of [
      (query: URLSearchParams) => query.set('iss', 'https://evil.example'),
      (query: URLSearchParams) => query.delete('iss'),
      (query: URLSearchParams) => query.delete('state'),
      (query: URLSearchParams) => query.append('code', 'another'),
      (query: URLSearchParams) => query.set('code', 'made-up'),
    ]) {
      const one = attempt();
      const query = new URLSearchParams(await callbackOf(one));
      edit(query);
      expect(outcomeOf(await world.complete(one, query.toString()))).toBe('REFUSED');
    }
  });

  it('with an error of the provider is refused, and nothing of its text comes back', async () => {
    const one = attempt();
    const query = new URLSearchParams({
      error: '<svg/onload=1>',
      error_description: '<script>alert(1)</script>',
      state: one.state,
      iss: idp.issuer,
    });
    const response = await world.complete(one, query.toString());
    expect(outcomeOf(response)).toBe('REFUSED');
    expect(JSON.stringify(response)).not.toMatch(/svg|script/);
    expect(outcomeOf(await world.complete(one, query.toString()))).toBe('STATE_USED');
  });
});

describe('a sign-in that something stands against', () => {
  it('is refused for a user who is suspended, blocked or gone, and leaves no session', async () => {
    const { statement } = await signIn();
    const { userId } = statement;
    const change = (to: Parameters<typeof updateUser>[2]) =>
      write(world.database, testActor, { verb: 'test', resource: 'test' }, async (tx) => {
        await updateUser(tx.db, userId, to, tx.nowMs);
        tx.emit('directory', ...(await userOps(tx.db, [userId])));
      });
    await change({ status: 'suspended' });
    const one = attempt();
    expect(outcomeOf(await world.complete(one, await callbackOf(one)))).toBe('USER_BLOCKED');
    await change({ status: 'active', employment: { class: 'contractor', endsAtMs: Date.now() } });
    const late = attempt();
    expect(outcomeOf(await world.complete(late, await callbackOf(late)))).toBe('USER_BLOCKED');
    await change({ employment: { class: 'contractor', endsAtMs: Date.now() + 3_600_000 } });
    await order({ kind: 'user', id: userId, effect: 'block' });
    const two = attempt();
    expect(outcomeOf(await world.complete(two, await callbackOf(two)))).toBe('USER_BLOCKED');
    expect(await sessionsOf(userId)).toBe(1);
  });

  it('is refused on a device that is blocked or not enrolled', async () => {
    const device = await insertDevice(
      world.database.db,
      { name: 'laptop', managed: true, ownerUserId: null },
      Date.now(),
    );
    const on = (deviceId: string): Attempt => ({ ...attempt(), deviceId });
    const good = await signIn(on(device.id));
    expect(good.statement.deviceId).toBe(device.id);
    const stranger = on('dev_00000000000000000000000000');
    expect(outcomeOf(await world.complete(stranger, await callbackOf(stranger)))).toBe('REFUSED');
    await order({ kind: 'device', id: device.id, effect: 'block' });
    const blocked = on(device.id);
    expect(outcomeOf(await world.complete(blocked, await callbackOf(blocked)))).toBe(
      'DEVICE_BLOCKED',
    );
  });

  it('is refused when access is revoked between the provider and the session', async () => {
    const { statement } = await signIn();
    const { userId } = statement;
    const device = await insertDevice(
      world.database.db,
      { name: 'laptop', managed: true, ownerUserId: null },
      Date.now(),
    );
    const targets = [
      { kind: 'user', id: userId, effect: 'end' },
      { kind: 'device', id: device.id, effect: 'end' },
      { kind: 'everyone', id: '', effect: 'end' },
    ] as const;
    for (const target of targets) {
      const one = { ...attempt(), deviceId: device.id };
      const url = await world.begin(one);
      const query = await idp.signIn(url);
      const before = await sessionsOf(userId);
      // The provider holds its answer until the revocation is committed.
      const held = holdUserInfo();
      const completing = world.complete(one, query);
      await held.reached;
      await order(target);
      held.release();
      expect(outcomeOf(await completing), target.kind).toBe('REFUSED');
      expect(await sessionsOf(userId)).toBe(before);
      const again = await signIn({ ...attempt(), deviceId: device.id });
      expect(again.statement.generations[target.kind === 'everyone' ? 'global' : target.kind]).toBe(
        1,
      );
    }
  });

  it('is refused when access is revoked while the user is at the provider', async () => {
    const { statement } = await signIn();
    const { userId } = statement;
    for (const target of [
      { kind: 'user', id: userId, effect: 'end' },
      { kind: 'everyone', id: '', effect: 'end' },
    ] as const) {
      const one = attempt();
      const query = await idp.signIn(await world.begin(one));
      await order(target);
      const before = await sessionsOf(userId);
      expect(outcomeOf(await world.complete(one, query)), target.kind).toBe('REFUSED');
      expect(await sessionsOf(userId)).toBe(before);
    }
    // Without the position at which it began nothing can be said, so nothing is given.
    const one = attempt();
    const query = await idp.signIn(await world.begin(one));
    const bare = { ...one, callbackQuery: query, sourceAddress: '192.0.2.7', userAgent: 'Test' };
    const request = create(CompleteSignInRequestSchema, bare);
    await expect(world.edge.client.unary('completeSignIn', request, 5_000)).rejects.toThrow(
      /revoke/,
    );
  });

  it('is refused in a lockdown', async () => {
    const { result } = await order({ kind: 'everyone', id: '', effect: 'block' });
    const one = attempt();
    expect(outcomeOf(await world.complete(one, await callbackOf(one)))).toBe('LOCKDOWN');
    await world.database.ordinary.query('update revocations set lifted_at_ms = 1 where id = $1', [
      result.id,
    ]);
  });
});

describe('what detectors are told', () => {
  const told = () => counts(world.metrics, 'sallyport_signal_events_total');
  const since = async (before: Record<string, number>, name: string): Promise<number> =>
    ((await told())[name] ?? 0) - (before[name] ?? 0);

  it('is each sign-in, and each that is refused to a user who is known', async () => {
    const before = await told();
    const { statement } = await signIn();
    expect(await since(before, 'signed_in taken')).toBe(1);
    await order({ kind: 'user', id: statement.userId, effect: 'block' });
    for (let attempts = 0; attempts < 12; attempts += 1) {
      const one = attempt();
      expect(outcomeOf(await world.complete(one, await callbackOf(one)))).toBe('USER_BLOCKED');
    }
    expect(await since(before, 'sign_in_failed taken')).toBe(12);
    const found = await world.database.db
      .select()
      .from(findings)
      .where(eq(findings.userId, statement.userId));
    expect(found).toMatchObject([
      {
        detector: 'failed-sign-ins',
        subject: 'user',
        sid: null,
        evidence: { kind: 'sign_in_failed' },
      },
    ]);
  });

  it('is where each was: two on two continents within a second are a journey', async () => {
    const from = (place: object) => signIn({ ...attempt(), place: create(PlaceSchema, place) });
    const { statement } = await from({ country: 'DE', latitude: 52.52, longitude: 13.4 });
    await from({ country: 'US', latitude: 40.71, longitude: -74.01 });
    // What cannot be so is no place, and keeps nobody out.
    await from({ country: 'Atlantis', latitude: 500, longitude: 0 });
    const found = await world.database.db
      .select()
      .from(findings)
      .where(eq(findings.userId, statement.userId));
    expect(found.map(({ detector }) => detector)).toContain('impossible-travel');
    expect(found.find(({ detector }) => detector === 'impossible-travel')).toMatchObject({
      evidence: { kind: 'signed_in', here: { country: 'US' }, before: { country: 'DE' } },
      times: 1,
    });
  });

  it('is of no user where the provider does not say whose sign-in failed', async () => {
    const before = await told();
    const one = attempt();
    const query = await callbackOf(one);
    const wrong = { ...one, nonce: attempt().nonce };
    expect(outcomeOf(await world.complete(wrong, query))).toBe('REFUSED');
    expect(await since(before, 'sign_in_failed unknown_user')).toBe(1);
    expect(await since(before, 'sign_in_failed taken')).toBe(0);
  });

  it('never keeps anybody from signing in', async () => {
    // What takes histories answers as a server that others keep busy.
    await world.database.ordinary.query(`
      create function busy() returns trigger language plpgsql as
        $$ begin raise exception 'busy' using errcode = '55P03'; end $$;
      create trigger busy before insert or update on user_histories execute function busy()`);
    try {
      const { response } = await signIn();
      expect(outcomeOf(response)).toBe('signed in');
    } finally {
      await world.database.ordinary.query('drop function busy cascade');
    }
  });
});

/** Makes the provider's userinfo wait: its claims are asked for after the code was redeemed. */
function holdUserInfo(): { readonly reached: Promise<void>; readonly release: () => void } {
  const reached = Promise.withResolvers<void>();
  const released = Promise.withResolvers<void>();
  idp.beforeUserInfo = () => {
    reached.resolve();
    return released.promise;
  };
  return {
    reached: reached.promise,
    release: () => {
      idp.beforeUserInfo = null;
      released.resolve();
    },
  };
}

async function sessionsOf(userId: string): Promise<number> {
  const { rows } = await world.database.ordinary.query<{ n: string }>(
    'select count(*) as n from sessions where user_id = $1',
    [userId],
  );
  return Number(rows[0]?.n);
}

describe('a hand-over token', () => {
  const token = (sid: string, jti = `token-${Math.random().toString(36).slice(2)}-0123456789`) =>
    create(RedeemHandOverRequestSchema, { jti, sid, expiresAtMs: BigInt(Date.now() + 60_000) });

  it('is redeemed once', async () => {
    const { statement } = await signIn();
    const request = token(statement.sid);
    const answers = await Promise.all(
      [1, 2, 3].map(() => world.edge.client.unary('redeemHandOver', request, 5_000)),
    );
    expect(answers.filter(({ first }) => first)).toHaveLength(1);
  });

  it('is not redeemed for a session that was ended or never was', async () => {
    const { response, statement } = await signIn();
    if (response.result.case !== 'signedIn') throw new Error('not signed in');
    const end = create(EndSessionRequestSchema, { statement: response.result.value.statement });
    await world.edge.client.unary('endSession', end, 5_000);
    for (const sid of [statement.sid, 'ses_none']) {
      const { first } = await world.edge.client.unary('redeemHandOver', token(sid), 5_000);
      expect(first).toBe(false);
    }
  });
});

describe('signing out', () => {
  it('ends the session on every edge, once, and only by its own statement', async () => {
    const { response, statement } = await signIn();
    if (response.result.case !== 'signedIn') throw new Error('not signed in');
    const jws = response.result.value.statement;
    const edge = new ScriptedEdge(world.edge.client, { revoke: null });
    await edge.until(() => edge.lane('revoke').head !== null);
    const request = create(EndSessionRequestSchema, { statement: jws });
    const { revoke: wire } = await world.edge.client.unary('endSession', request, 5_000);
    const position = positionFromWire(wire) ?? { epoch: 0, rev: 0 };
    await edge.untilHead('revoke', position);
    expect(edge.lane('revoke').ops).toContainEqual({
      op: 'ended_session',
      sid: statement.sid,
      expiresAtMs: statement.expiresAtMs,
    });
    const again = await world.edge.client.unary('endSession', request, 5_000);
    expect(positionFromWire(again.revoke)).toEqual(position);
    const forged = create(EndSessionRequestSchema, { statement: `${jws.slice(0, -6)}AAAAAA` });
    expect(await codeOf(world.edge.client.unary('endSession', forged, 5_000))).toBe(
      status.INVALID_ARGUMENT,
    );
    edge.close();
  });
});
