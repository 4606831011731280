import type { Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { beforeAll, describe, expect, test } from 'vitest';
import { insertAccessRecords } from '../../store/access-records.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { accessRecord } from '../../testing/records.ts';
import {
  applyDocuments,
  factsOf,
  rehearsedDocuments,
  rehearsedWorld,
} from '../../testing/rehearsed.ts';

let admin: TestAdmin;
let live: number;
let candidate: number;
beforeAll(async () => {
  admin = await testAdmin();
  live = await rehearsedWorld(admin);
  // The wiki is for people with a badge, and the payroll is open to all but temps.
  candidate = await applyDocuments(
    admin,
    rehearsedDocuments(
      { allow: [{ name: 'badge', groups: ['badge'] }] },
      {
        allow: [{ name: 'anyone', groups: ['employees', 'contractors'] }],
        deny: [{ name: 'temps', groups: ['temps'] }],
      },
    ),
    'candidate',
  );
});

const post = (path: string, body: object) => admin.send('POST', path, { body, role: 'viewer' });

describe('simulate', () => {
  const simulate = (body: object) => post('/v1/policy:simulate', body);
  const alice = { email: 'alice@corp.test', groups: ['employees'] };
  const request = { request: { url: 'https://wiki.corp.test/page' }, user: alice };

  test('decides a made-up request by the live version, and by another one', async () => {
    const now = await simulate({ request });
    expect(now.status).toBe(200);
    expect(now.body).toMatchObject({
      version: live,
      outcome: 'permit',
      decision: { ruleIds: ['wiki/allow/members'] },
      facts: { user: { email: 'alice@corp.test' }, request: { path: '/page' } },
    });
    const { nowMs } = now.body.facts;
    expect(Math.abs(Date.now() - nowMs)).toBeLessThan(60_000);
    const then = await simulate({ version: candidate, request });
    expect(then.body).toMatchObject({
      version: candidate,
      outcome: 'deny',
      decision: { reasons: [{ code: 'group_missing', detail: 'wiki/allow/badge' }] },
    });
    expect(then.body.trace.length).toBeGreaterThan(0);
  });

  test('decides by documents over the live set, whose tests may fail, and stores nothing', async () => {
    const versions = await admin.send('GET', '/v1/config/versions');
    const yaml = `
apiVersion: sallyport.dev/v1
kind: Policy
metadata: { name: wiki }
spec:
  deny: [{ name: alice, users: [alice@corp.test] }]
  tests:
    - name: fails
      request: { url: "https://wiki.corp.test/" }
      expect: { outcome: permit }
`;
    const { body } = await simulate({ yaml, request });
    expect(body).toMatchObject({
      version: null,
      outcome: 'deny',
      decision: { ruleIds: ['wiki/deny/alice'] },
    });
    expect(await admin.send('GET', '/v1/config/versions')).toMatchObject({ body: versions.body });
  });

  test('says how an edge refuses an address that it does not look at', async () => {
    const url = 'https://wiki.corp.test/%2e%2e/secret';
    const { body } = await simulate({ request: { request: { url } } });
    expect(body).toMatchObject({ outcome: 'refused', decision: null, facts: null });
    expect(body.problem).toEqual(expect.any(String));
  });

  test.each([
    ['no request', {}, 400, '/request'],
    ['no URL', { request: { request: {} } }, 400, '/request/request/url'],
    ['an unknown field', { request: { ...request, wish: 1 } }, 400, '/request/wish'],
    ['__proto__', '{"request": {"__proto__": {}}}', 400, '/request/__proto__'],
    ['no such day', { request: { ...request, at: '2026-02-30T00:00:00Z' } }, 400, '/request/at'],
    ['no address', { request: { ...request, from: '1.2.3' } }, 400, '/request/from'],
    ['version 0', { version: 0, request }, 400, '/version'],
    ['both a version and documents', { version: 1, yaml: 'a', request }, 422, '/version'],
    ['prune alone', { prune: true, request }, 400, '/prune'],
    ['text that is no document', { yaml: '}{', request }, 422, 'yaml:1:1'],
  ])('refuses %s', async (...[, body, status, field]) => {
    const answer = await admin.send(
      'POST',
      '/v1/policy:simulate',
      typeof body === 'string' ? { raw: body, headers: json } : { body },
    );
    expect(answer.status).toBe(status);
    expect(answer.body.errors.map((one: { field: string }) => one.field)).toContain(field);
  });
  const json = { 'content-type': 'application/json' };

  test('knows no version that there is not', async () => {
    expect((await simulate({ version: 99, request })).status).toBe(404);
  });
});

describe('replay', () => {
  const replay = (body: object) => post('/v1/policy:replay', body);
  const at = (host: string): Pick<Facts, 'request'> => ({
    request: { method: 'GET', host: `${host}.corp.test`, path: '/', headers: {} },
  });
  const made = (facts: Facts | null, more: Partial<AccessRecord> = {}) =>
    accessRecord({ facts, configVersion: live, ...more });
  let records: AccessRecord[];

  beforeAll(async () => {
    records = [
      // Loses the wiki, twice.
      made(factsOf('usr_alice')),
      made(factsOf('usr_alice')),
      // Keeps it.
      made(factsOf('usr_bob', ['employees', 'badge'])),
      // Gains the payroll, and one loses it by a rule.
      made(factsOf('usr_carl', ['contractors'], at('payroll')), { route: 'payroll' }),
      made(factsOf('usr_dora', ['employees', 'temps'], at('payroll')), { route: 'payroll' }),
      // Nobody is signed in: sent to sign in before and after.
      made(factsOf(null)),
      // Refused before anything was decided.
      made(null, { outcome: 'refused', route: null }),
    ];
    await insertAccessRecords(admin.database, 'edg_test', records, Date.now());
  });

  const idsOf = (...at: number[]) => at.map((one) => records[one]?.correlationId);

  test('tells who gains and who loses, by user, route and rule, with examples', async () => {
    const { status, body } = await replay({ version: candidate });
    expect(status).toBe(200);
    expect(body).toMatchObject({
      candidate,
      against: live,
      read: 7,
      decided: 6,
      same: 2,
      failed: 0,
      other: 0,
      complete: true,
      stopped: null,
      headersNotRecorded: [],
    });
    expect(body.lost).toMatchObject({
      requests: 3,
      users: 2,
      byUser: [
        { user: 'usr_alice', email: 'usr_alice@corp.test', requests: 2 },
        { user: 'usr_dora', requests: 1, examples: idsOf(4) },
      ],
      byRoute: [
        { route: 'wiki', requests: 2 },
        { route: 'payroll', requests: 1 },
      ],
      byReason: [
        { reason: 'group_missing', requests: 2 },
        { reason: 'rule_denied', requests: 1 },
      ],
      more: { users: 0, routes: 0, rules: 0 },
    });
    expect(new Set(body.lost.byUser[0].examples)).toEqual(new Set(idsOf(0, 1)));
    const rules = body.lost.byRule.map(({ side, rule, requests }: Record<string, unknown>) => [
      side,
      rule,
      requests,
    ]);
    expect(rules).toEqual([
      ['live', 'wiki/allow/members', 2],
      ['candidate', 'payroll/deny/temps', 1],
      ['live', 'payroll/allow/members', 1],
    ]);
    expect(body.gained).toMatchObject({
      requests: 1,
      byUser: [{ user: 'usr_carl', requests: 1, examples: idsOf(3) }],
      byRule: [{ rule: 'payroll/allow/anyone', side: 'candidate' }],
    });
  });

  test('looks at one route alone, at the newest alone, and into a window', async () => {
    const payroll = await replay({ version: candidate, route: 'payroll' });
    expect(payroll.body).toMatchObject({ read: 2, lost: { requests: 1 }, gained: { requests: 1 } });
    const newest = await replay({ version: candidate, limit: 3 });
    expect(newest.body).toMatchObject({ read: 3, complete: false, stopped: 'limit' });
    expect(newest.body.lost.byUser.map((one: { user: string }) => one.user)).toEqual(['usr_dora']);
    const before = await replay({ version: candidate, until: '2026-01-01T00:00:00Z' });
    expect(before.body).toMatchObject({ read: 0, decided: 0, complete: true });
  });

  test('compares documents that are no version, and any two versions', async () => {
    const [policy] = rehearsedDocuments({ allow: [{ name: 'all', anonymous: true }] }).filter(
      ({ kind, metadata }) => kind === 'Policy' && metadata.name === 'wiki',
    );
    const { body } = await replay({ documents: [policy] });
    expect(body).toMatchObject({
      candidate: null,
      lost: { requests: 0 },
      // What becomes open to all is gained by whoever is not signed in.
      gained: { requests: 1, byUser: [{ user: null, email: null, device: null }] },
    });
    const back = await replay({ version: live, against: candidate });
    expect(back.body).toMatchObject({ gained: { requests: 3 }, lost: { requests: 1 } });
    expect((await replay({})).body).toMatchObject({ same: 6, lost: { requests: 0 } });
  });

  test('tells apart who is asked for more and who loses', async () => {
    const documents = rehearsedDocuments({
      allow: [{ name: 'members', groups: ['employees'] }],
      stepUp: [{ name: 'key', require: { amr: ['hwk'] } }],
    });
    const { body } = await replay({ documents });
    expect(body).toMatchObject({
      lost: { requests: 0 },
      askedMore: { requests: 3, users: 2, byReason: [{ reason: 'step_up_required' }] },
      askedLess: { requests: 0 },
    });
  });

  test('says which headers the recorded requests do not tell of', async () => {
    const documents = rehearsedDocuments({
      allow: [{ name: 'members', headers: [{ name: 'x-team', is: ['red'] }] }],
    });
    const { body } = await replay({ documents });
    expect(body.headersNotRecorded).toEqual(['x-team']);
  });

  test('goes on over facts that cannot be decided on', async () => {
    const broken = made({ ...factsOf('usr_x'), request: null } as never, { route: 'broken' });
    await insertAccessRecords(admin.database, 'edg_test', [broken], Date.now());
    const { body } = await replay({ version: candidate, route: 'broken' });
    expect(body).toMatchObject({ read: 1, decided: 0, failed: 1, same: 0 });
  });

  test('leaves out what was redacted when it was recorded', async () => {
    const redacted = (fields: AccessRecord['redacted']) =>
      made(factsOf('usr_alice'), { route: 'redacted', redacted: fields });
    const records = [redacted(['path']), redacted(['userAgent', 'sourceAddress'])];
    records.push(redacted(['userAgent']), redacted([]));
    for (const sourceAddress of ['', '203.0.113.0/24', '2001:db8:7::/48', 'hmac:AbCdEf01_-']) {
      const facts = { ...factsOf('usr_alice'), sourceAddress };
      records.push({ ...redacted(['sourceAddress']), sourceAddress, facts });
    }
    await insertAccessRecords(admin.database, 'edg_test', records, Date.now());
    const { body } = await replay({ version: candidate, route: 'redacted' });
    expect(body).toMatchObject({ read: 8, decided: 2, failed: 0 });
  });

  test('reads more records than one page holds', async () => {
    const many = Array.from({ length: 1_234 }, (_, at) =>
      made(factsOf(`usr_m${at % 150}`), { route: 'many' }),
    );
    await insertAccessRecords(admin.database, 'edg_test', many, Date.now());
    const { body } = await replay({ version: candidate, route: 'many' });
    expect(body).toMatchObject({ read: 1_234, complete: true });
    expect(body.lost).toMatchObject({ requests: 1_234, users: 150, more: { users: 50 } });
    expect(body.lost.byUser).toHaveLength(100);
    expect(body.lost.byUser[0].examples).toHaveLength(9);
    expect(body.lost.byRoute[0].examples).toHaveLength(10);
  });

  test.each([
    ['a limit beyond the bound', { limit: 100_001 }, 400, '/limit'],
    ['a limit that is no number', { limit: null }, 400, '/limit'],
    ['a day that is none', { since: '2026-02-30T00:00:00Z' }, 400, '/since'],
    ['a window that ends first', { since: '2027-01-01T00:00:00Z' }, 422, '/since'],
    ['an unknown field', { speed: 9 }, 400, '/speed'],
  ])('refuses %s', async (...[, body, status, field]) => {
    const answer = await replay({ ...body, until: '2026-12-01T00:00:00Z' });
    expect(answer.status).toBe(status);
    expect(answer.body.errors.map((one: { field: string }) => one.field)).toContain(field);
  });
});

test('more documents than anybody has, all of them bad, are refused without a long wait', async () => {
  const request = { request: { url: 'https://wiki.corp.test/' } };
  const simulate = (documents: unknown, more: object = {}) =>
    admin.send('POST', '/v1/policy:simulate', {
      role: 'viewer',
      body: { documents, request, ...more },
    });
  const many = await simulate(Array.from({ length: 300_000 }, () => ({})));
  expect([many.status, many.body.errors.length]).toEqual([400, 100]);
  const bad = await simulate(Array.from({ length: 10_000 }, () => ({ kind: 'Policy' })));
  expect([bad.status, bad.body.errors.length]).toEqual([400, 100]);
  expect((await simulate({})).status).toBe(400);
});
