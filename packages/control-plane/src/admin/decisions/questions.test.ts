import type { AccessRecord } from '@sallyport/shared/access-record';
import { beforeAll, describe, expect, test } from 'vitest';
import { insertAccessRecords } from '../../store/access-records.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { accessRecord } from '../../testing/records.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

const hourMs = 3_600_000;
const nowMs = Date.now();
const edge = (letter: string) => `edg_${letter.repeat(26)}`;
const insert = (receivedAtMs: number, edgeId: string, ...records: AccessRecord[]) =>
  insertAccessRecords(admin.database, edgeId, records, receivedAtMs);
const at = (ms: number) => new Date(ms).toISOString();

async function idsOf(query: string): Promise<string[]> {
  const { status, body } = await admin.send('GET', `/v1/decisions?${query}`);
  expect([query, status]).toEqual([query, 200]);
  return body.items.map((item: AccessRecord) => item.correlationId);
}

describe('questions about decisions', () => {
  const first = accessRecord({
    time: at(nowMs - 50 * hourMs),
    correlationId: 'first',
    userId: 'usr_a',
    userEmail: 'alice@corp.test',
    sourceAddress: '203.0.113.7',
    ruleIds: ['staff/allow/all'],
  });
  const denied = accessRecord({
    time: at(nowMs - 30 * hourMs),
    correlationId: 'denied',
    userId: 'usr_a',
    userEmail: 'alice@corp.test',
    outcome: 'deny',
    reasons: ['group_missing', 'fact_missing'],
    sourceAddress: '2001:db8::9',
    route: 'reports',
  });
  // Kept at its edge for a day.
  const late = accessRecord({
    time: at(nowMs - 29 * hourMs),
    correlationId: 'late',
    userId: 'usr_b',
    sourceAddress: '203.0.113.200',
  });
  const last = accessRecord({ time: at(nowMs - hourMs), correlationId: 'last', userId: 'usr_b' });

  beforeAll(async () => {
    await insert(nowMs - 50 * hourMs, edge('1'), first);
    await insert(nowMs - 30 * hourMs, edge('1'), denied);
    await insert(nowMs - 2 * hourMs, edge('2'), late);
    await insert(nowMs - hourMs, edge('2'), last);
  });

  test.each<[what: string, query: string, found: string[]]>([
    ['all of them, newest arrival first', '', ['last', 'late', 'denied', 'first']],
    ['an edge', `edge=${edge('1')}`, ['denied', 'first']],
    ['a reason that decided', 'reason=group_missing', ['denied']],
    ['a reason that did not', 'reason=fact_missing', ['denied']],
    ['a rule', 'rule=staff/allow/all', ['first']],
    ['an address', 'address=203.0.113.7', ['last', 'first']],
    ['a network', 'address=203.0.113.128/25', ['late']],
    ['an address in another spelling', 'address=2001:DB8:0::9', ['denied']],
    ['a correlation id', 'correlationId=late', ['late']],
    ['since an instant', `from=${at(nowMs - 29.5 * hourMs)}`, ['last', 'late']],
    [
      'until an instant, also what came in later',
      `to=${at(nowMs - 29 * hourMs)}`,
      ['late', 'denied', 'first'],
    ],
    ['a span', `from=${at(nowMs - 49 * hourMs)}&to=${at(nowMs - 29.5 * hourMs)}`, ['denied']],
    ['several at once', 'user=usr_a&outcome=deny&route=reports', ['denied']],
    ['a user by an address that nobody has today', 'user=Alice@corp.test', ['denied', 'first']],
  ])('find them by %s', async (_what, query, found) => {
    expect(await idsOf(query)).toEqual(found);
    // Page by page the same, whatever lies between.
    const paged: string[] = [];
    for (let cursor = ''; ; ) {
      const { body } = await admin.send('GET', `/v1/decisions?limit=1&${query}${cursor}`);
      paged.push(...body.items.map((item: AccessRecord) => item.correlationId));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(paged).toEqual(found);
  });

  test('find a user by the address of today, whatever was recorded', async () => {
    const body = { email: 'bob@corp.test', displayName: 'Bob' };
    const { body: user } = await admin.send('POST', '/v1/users', { body });
    const record = accessRecord({ time: at(nowMs), userId: user.id, userEmail: 'hashed' });
    await insert(nowMs, edge('3'), record);
    expect(await idsOf('user=Bob@corp.test')).toEqual([record.correlationId]);
  });

  test.each([
    ['address=nowhere', 400, '?address'],
    ['address=10.0.0.1/8', 400, '?address'],
    ['from=yesterday', 400, '?from'],
    ['from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z', 422, '?from'],
    ['wait=5', 422, '?wait'],
    ['wait=31', 400, '?wait'],
  ])('are refused where they cannot be meant: %s', async (query, status, field) => {
    const answer = await admin.send('GET', `/v1/decisions?${query}`);
    expect([answer.status, answer.body.errors[0].field]).toEqual([status, field]);
  });

  test('count what decisions have in common', async () => {
    const summary = async (query: string) => {
      const { status, body } = await admin.send('GET', `/v1/decisions/summary?${query}`);
      expect([query, status, body.complete]).toEqual([query, 200, true]);
      return body.items.map((item: { key: string; count: number; denied: number }) => [
        item.key,
        item.count,
        item.denied,
      ]);
    };
    const span = `from=${at(nowMs - 60 * hourMs)}&to=${at(nowMs - 1)}`;
    expect(await summary(`by=outcome&${span}`)).toEqual([
      ['permit', 3, 0],
      ['deny', 1, 1],
    ]);
    expect(await summary(`by=user&${span}&outcome=deny`)).toEqual([['usr_a', 1, 1]]);
    expect(await summary(`by=reason&${span}`)).toEqual([
      ['rule_allowed', 3, 0],
      ['group_missing', 1, 1],
    ]);
    expect(await summary(`by=rule&${span}`)).toEqual([['staff/allow/all', 1, 0]]);
    expect(await summary(`by=device&${span}`)).toEqual([[null, 4, 1]]);
    expect(await summary(`by=address&${span}&user=usr_a`)).toEqual([
      ['2001:db8::9', 1, 1],
      ['203.0.113.7', 1, 0],
    ]);
    const hours = await summary(`by=hour&${span}`);
    expect(hours.map(([key]: [string]) => Date.parse(key) % hourMs)).toEqual([0, 0, 0, 0]);
    // Of the last day, unless another span is asked for.
    expect(await summary('by=edge&user=usr_b')).toEqual([[edge('2'), 1, 0]]);
    expect((await admin.send('GET', '/v1/decisions/summary?by=sid')).status).toBe(400);
  });
});

describe('a tail that waits', () => {
  const tailOf = async () => (await admin.send('GET', '/v1/decisions?limit=1')).body.tailCursor;

  test('answers when what it asks for comes in, and not for anything else', async () => {
    const tail = await tailOf();
    const answer = admin.send('GET', `/v1/decisions?tail=${tail}&wait=30&host=waited.test`);
    await insert(Date.now(), edge('4'), accessRecord());
    const wanted = accessRecord({ host: 'waited.test' });
    await insert(Date.now(), edge('4'), wanted);
    const { body } = await answer;
    expect(body.items.map((item: AccessRecord) => item.correlationId)).toEqual([
      wanted.correlationId,
    ]);
  });

  test('answers with nothing when its time is over, and goes on from there', async () => {
    const tail = await tailOf();
    await insert(Date.now(), edge('4'), accessRecord());
    const query = `tail=${tail}&wait=1&host=nobody.test`;
    const { body } = await admin.send('GET', `/v1/decisions?${query}`);
    expect(body.items).toEqual([]);
    expect(body.nextCursor).not.toBe(tail);
  });
});

test('the report of a migration counts what each route was brought, by day', async () => {
  const brought = (route: string | null, legacy: string[], time: number) =>
    accessRecord({ time: at(time), route, legacy });
  const again = brought('wiki', ['header:remote-user'], nowMs - 3_000);
  const records = [
    brought(
      'wiki',
      ['header:remote-user', 'header:remote-user', 'cookie:_oauth2_proxy'],
      nowMs - 5_000,
    ),
    again,
    brought('reports', ['cookie:_oauth2_proxy'], nowMs - 9_000),
    brought(null, ['cookie:_oauth2_proxy'], nowMs),
    brought('wiki', ['a\u001b[2Jname', 'header:x y', 'other:name'], nowMs),
    ...Array.from({ length: 200 }, (_, index) => brought('flood', [`header:x${index}`], nowMs)),
  ];
  await insert(Date.now(), edge('5'), ...records);
  await insert(Date.now(), edge('5'), again);
  const { status, body } = await admin.send('GET', '/v1/migration');
  expect(status).toBe(200);
  const named = body.items.filter(({ route }: { route: string }) => route !== 'flood');
  expect(named).toEqual([
    {
      route: 'wiki',
      name: 'header:remote-user',
      requests: 2,
      firstSeen: at(nowMs - 5_000),
      lastSeen: at(nowMs - 3_000),
    },
    expect.objectContaining({ route: 'reports', name: 'cookie:_oauth2_proxy', requests: 1 }),
    expect.objectContaining({ route: 'wiki', name: 'cookie:_oauth2_proxy', requests: 1 }),
  ]);
  // Names that an edge makes up are counted within bounds.
  expect(body.items.length - named.length).toBeLessThanOrEqual(64);
  const of = await admin.send('GET', '/v1/migration?route=reports');
  expect(of.body.items).toHaveLength(1);
  const ahead = await admin.send('GET', `/v1/migration?since=${at(nowMs + 24 * hourMs)}`);
  expect(ahead.body.items).toEqual([]);
});

test('the report of large headers says which routes come near their limits, and how near', async () => {
  const large = (route: string | null, bytes: number, limit: number, time: number) =>
    accessRecord({ time: at(time), route, largeHeaders: [{ what: 'cookies', bytes, limit }] });
  const last = large('wiki', 1_700, 2_000, nowMs - 1_000);
  await insert(
    Date.now(),
    edge('6'),
    large('wiki', 8_000, 8_192, nowMs - 9_000),
    large('wiki', 9_000, 8_192, nowMs - 8_000),
    last,
    large('reports', 7_000, 8_192, nowMs),
    large(null, 7_000, 8_192, nowMs),
  );
  // Once more, as after an answer that got lost; and some later.
  await insert(Date.now(), edge('6'), last, large('wiki', 2_500, 2_000, nowMs));
  const { status, body } = await admin.send('GET', '/v1/large-headers');
  expect([status, body.complete]).toEqual([200, true]);
  expect(body.items).toEqual([
    {
      route: 'wiki',
      what: 'cookies',
      limitBytes: 2_000,
      mostBytes: 9_000,
      near: 2,
      over: 2,
      lastSeen: at(nowMs),
    },
    expect.objectContaining({ route: 'reports', near: 1, over: 0 }),
  ]);
  const of = await admin.send('GET', '/v1/large-headers?route=reports');
  expect(of.body.items).toHaveLength(1);
  const ahead = await admin.send('GET', `/v1/large-headers?since=${at(nowMs + 24 * hourMs)}`);
  expect(ahead.body.items).toEqual([]);
});

test('lists of deliveries and webhooks share the connections of questions', async () => {
  const other = await admin.database.connect();
  await other.query('begin; lock table webhook_deliveries in access exclusive mode');
  const paths = ['/v1/webhooks', '/v1/webhooks/deliveries?state=dead'];
  const asked = Promise.allSettled(
    Array.from({ length: 20 }, (_, index) => admin.send('GET', paths[index % 2] ?? '')),
  );
  let most = 0;
  for (let looks = 0; looks < 12; ) {
    const { rows } = await admin.database.urgent.query<{ count: number }>(
      `select count(*)::int as count from pg_stat_activity
       where datname = current_database() and wait_event_type = 'Lock'`,
    );
    most = Math.max(most, rows[0]?.count ?? 0);
    if (most >= 3) looks += 1;
  }
  await other.query('rollback');
  await other.end();
  await asked;
  expect(most).toBe(3);
});
