import { beforeAll, expect, test } from 'vitest';
import { type Json, type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { applyDocuments, rehearsedDocuments, rehearsedWorld } from '../../testing/rehearsed.ts';

let admin: TestAdmin;
const ids = new Map<string, string>();
const device = `dev_${'1'.repeat(26)}`;

beforeAll(async () => {
  admin = await testAdmin();
  await rehearsedWorld(admin);
  const groups = await Promise.all(
    ['employees', 'admins', 'temps'].map(async (name) => {
      const { body } = await admin.send('POST', '/v1/groups', { body: { name } });
      return [name, body.id as string] as const;
    }),
  );
  const groupIds = new Map(groups);
  const people = [
    ['alice', ['employees', 'admins'], {}],
    ['bob', ['employees'], {}],
    ['temp', ['employees', 'temps'], {}],
    ['stranger', [], {}],
    ['gone', ['employees'], { status: 'suspended' }],
    [
      'left',
      ['employees'],
      { employment: { class: 'contractor', endsAt: '2026-01-01T00:00:00Z' } },
    ],
  ] as const;
  for (const [name, memberOf, more] of people) {
    const body = { email: `${name}@corp.test`, displayName: name, ...more };
    const made = await admin.send('POST', '/v1/users', { body });
    ids.set(name, made.body.id);
    for (const group of memberOf) {
      await admin.send('PUT', `/v1/groups/${groupIds.get(group)}/members/${made.body.id}`, {});
    }
  }
});

const whoCan = (query: string) => admin.send('GET', `/v1/access/who-can?${query}`);
const whatCan = (query: string) => admin.send('GET', `/v1/access/what-can?${query}`);

/** Access by the name of the user. */
function byName(body: Json): Record<string, string> {
  return Object.fromEntries(
    body.items.map((one: Json) => [one.user.displayName, one.access] as const),
  );
}
function of(body: Json, name: string): Json {
  return body.items.find((one: Json) => one.user.displayName === name);
}

test('every active user gets through always, with something more, or never', async () => {
  await applyDocuments(
    admin,
    rehearsedDocuments({
      allow: [
        { name: 'admins', groups: ['admins'] },
        { name: 'staff', groups: ['employees'], device: { managed: true }, countries: ['DE'] },
        { name: 'over', groups: ['employees'], notAfter: '2026-01-01T00:00:00Z' },
      ],
      deny: [{ name: 'temps', groups: ['temps'] }],
    }),
  );
  const { status, body } = await whoCan('route=wiki');
  expect(status).toBe(200);
  expect(body).toMatchObject({ route: 'wiki', method: null, path: null, anonymous: false });
  expect(body.assumptions.length).toBeGreaterThan(0);
  // Whoever is suspended is not an active user.
  expect(byName(body)).toEqual({
    alice: 'always',
    bob: 'with',
    temp: 'never',
    stranger: 'never',
    left: 'never',
  });
  expect(of(body, 'alice').rules[0]).toEqual({ rule: 'wiki/allow/admins', needs: [] });
  expect(of(body, 'bob')).toMatchObject({
    rules: [{ rule: 'wiki/allow/staff', needs: ['countries', 'device'] }],
    unless: [],
    stepUp: [],
  });
  expect(of(body, 'temp').reasons).toEqual(['rule_denied']);
  expect(of(body, 'stranger').reasons).toEqual(['group_missing']);
  expect(of(body, 'left').reasons).toEqual(['employment_ended']);
});

test('what may deny, and what may ask for more, is told', async () => {
  await applyDocuments(
    admin,
    rehearsedDocuments({
      allow: [{ name: 'staff', groups: ['employees'] }],
      deny: [{ name: 'abroad', groups: ['admins'], conditions: ['outside'] }],
      stepUp: [{ name: 'key', users: ['bob@corp.test'], require: { amr: ['hwk'] } }],
      conditions: [{ name: 'outside', countries: ['US'], when: 'device.managed' }],
    }),
  );
  const { body } = await whoCan('route=wiki');
  expect(byName(body)).toMatchObject({ alice: 'with', bob: 'with', temp: 'always' });
  expect(of(body, 'alice')).toMatchObject({
    rules: [{ rule: 'wiki/allow/staff', needs: [] }],
    unless: [{ rule: 'wiki/deny/abroad', needs: ['countries', 'when'] }],
  });
  expect(of(body, 'bob')).toMatchObject({ unless: [], stepUp: ['wiki/stepUp/key'] });
});

test('a method and a path are asked about, or left open', async () => {
  await applyDocuments(
    admin,
    rehearsedDocuments({
      allow: [
        { name: 'readers', groups: ['employees'], methods: ['GET'] },
        { name: 'admins', groups: ['admins'] },
      ],
      deny: [{ name: 'secret', groups: ['temps'], paths: ['/secret/**'] }],
    }),
  );
  const open = await whoCan('route=wiki');
  expect(byName(open.body)).toMatchObject({ alice: 'always', bob: 'with', temp: 'with' });
  expect(of(open.body, 'temp').unless).toEqual([{ rule: 'wiki/deny/secret', needs: ['paths'] }]);
  const read = await whoCan('route=wiki&method=GET&path=/secret/plan');
  expect(byName(read.body)).toMatchObject({ alice: 'always', bob: 'always', temp: 'never' });
  const write = await whoCan('route=wiki&method=POST&path=/page');
  expect(byName(write.body)).toMatchObject({ alice: 'always', bob: 'never', temp: 'never' });
});

test('services and those who have not signed in are told of, too', async () => {
  await applyDocuments(admin, [
    ...rehearsedDocuments(
      { allow: [{ name: 'ci', services: ['ci-runner'], sourceNetworks: ['10.0.0.0/8'] }] },
      {
        allow: [{ name: 'all', anonymous: true }],
        deny: [{ name: 'ci', services: ['ci-runner'] }],
      },
    ),
    {
      apiVersion: 'sallyport.dev/v1',
      kind: 'ServiceIdentity',
      metadata: { name: 'ci-runner' },
      spec: { devices: [device] },
    },
  ]);
  const wiki = (await whoCan('route=wiki')).body;
  expect(wiki).toMatchObject({
    anonymous: false,
    services: [
      {
        service: 'ci-runner',
        access: 'with',
        rules: [{ rule: 'wiki/allow/ci', needs: ['sourceNetworks'] }],
      },
    ],
  });
  expect(new Set(Object.values(byName(wiki)))).toEqual(new Set(['never']));
  const payroll = (await whoCan('route=payroll')).body;
  expect(payroll).toMatchObject({ anonymous: true, services: [] });
  const { services } = (await whoCan('route=wiki&method=POST')).body;
  expect(services).toHaveLength(1);
  // At a device of the service, a user would be denied, too.
  expect(of(payroll, 'bob')).toMatchObject({
    access: 'with',
    unless: [{ rule: 'payroll/deny/ci', needs: ['services'] }],
  });
});

test('who has no session gets through to nothing that asks for one to be confirmed', async () => {
  const rules = (more: object) => ({
    allow: [{ name: 'all', anonymous: true }],
    stepUp: [{ name: 'key', require: { amr: ['hwk'] }, ...more }],
  });
  await applyDocuments(admin, rehearsedDocuments(rules({}), rules({ countries: ['US'] })));
  expect((await whoCan('route=wiki')).body.anonymous).toBe(false);
  expect((await whoCan('route=payroll')).body.anonymous).toBe(true);
});

test('monitor mode is told of and left out', async () => {
  const until = '2100-01-01T00:00:00Z';
  const documents = rehearsedDocuments({ allow: [{ name: 'admins', groups: ['admins'] }] });
  await applyDocuments(
    admin,
    documents.map((one) =>
      one.kind === 'Route' && one.metadata.name === 'wiki'
        ? { ...one, spec: { ...one.spec, monitor: { until } } }
        : one,
    ),
  );
  const { body } = await whoCan('route=wiki');
  expect(body.monitorUntil).toBe(until);
  expect(byName(body)).toMatchObject({ alice: 'always', bob: 'never' });
});

test('what one user can is told by route, by id or address', async () => {
  await applyDocuments(
    admin,
    rehearsedDocuments(
      { allow: [{ name: 'staff', groups: ['employees'], paths: ['/public/**'] }] },
      { allow: [{ name: 'admins', groups: ['admins'] }] },
    ),
  );
  const { status, body } = await whatCan('user=Bob@corp.test');
  expect(status).toBe(200);
  expect(body.user).toMatchObject({ id: ids.get('bob'), email: 'bob@corp.test' });
  expect(body.items).toMatchObject([
    { route: 'payroll', access: 'never', reasons: ['group_missing'] },
    {
      route: 'wiki',
      hosts: ['wiki.corp.test'],
      access: 'with',
      rules: [{ rule: 'wiki/allow/staff', needs: ['paths'] }],
    },
  ]);
  const gone = await whatCan(`user=${ids.get('gone')}`);
  expect(gone.body.items).toMatchObject([
    { access: 'never', reasons: ['user_suspended'] },
    { access: 'never', reasons: ['user_suspended'] },
  ]);
  const first = await whatCan('user=bob@corp.test&limit=1');
  expect(first.body.items).toMatchObject([{ route: 'payroll' }]);
  const second = await whatCan(`user=bob@corp.test&limit=1&cursor=${first.body.nextCursor}`);
  expect(second.body).toMatchObject({ items: [{ route: 'wiki' }], nextCursor: null });
});

test('pages hold every active user once', async () => {
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body }: Json = await whoCan(`route=wiki&limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...body.items.map((one: Json) => one.user.displayName));
    cursor = body.nextCursor;
  }
  expect(seen.sort()).toEqual(['alice', 'bob', 'left', 'stranger', 'temp']);
});

test('a block and a lockdown count at once', async () => {
  const block = (target: object) =>
    admin.send('POST', '/v1/revocations', { body: { target, effect: 'block', reason: 'test' } });
  const blocked = await block({ kind: 'user', id: ids.get('bob') });
  expect(blocked.status).toBeLessThan(300);
  expect(of((await whoCan('route=wiki')).body, 'bob')).toMatchObject({
    access: 'never',
    reasons: ['user_revoked'],
  });
  const lockdown = await block({ kind: 'everyone' });
  expect(lockdown.status).toBeLessThan(300);
  const { body } = await whoCan('route=wiki');
  expect(new Set(Object.values(byName(body)))).toEqual(new Set(['never']));
});

test.each([
  ['no route', 'who-can?', 400],
  ['a route that is not there', 'who-can?route=none', 404],
  ['a route that is no name', 'who-can?route=__proto__', 400],
  ['a path that edges refuse', 'who-can?route=wiki&path=/%252e%252e/b', 400],
  ['a path without its slash', 'who-can?route=wiki&path=a', 400],
  ['a path of another host', 'who-can?route=wiki&path=/a&host=payroll.corp.test', 422],
  ['a host without a path', 'who-can?route=wiki&host=wiki.corp.test', 400],
  ['a method in small letters', 'who-can?route=wiki&method=get', 400],
  ['the cursor of another list', 'who-can?route=wiki&cursor=WyJ1c2VycyIsMSwiYSJd', 400],
  ['no user', 'what-can?', 400],
  ['a user that is not there', 'what-can?user=usr_none', 404],
  ['an address that nobody has', 'what-can?user=nobody@corp.test', 404],
  ['what is not asked for', 'what-can?user=usr_none&all=true', 400],
])('refuses %s', async (_what, query, status) => {
  expect((await admin.send('GET', `/v1/access/${query}`)).status).toBe(status);
});
