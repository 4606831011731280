import type { AccessRecord } from '@sallyport/shared/access-record';
import { beforeAll, expect, test } from 'vitest';
import { insertAccessRecords } from '../../store/access-records.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { loggedOps, newestOps } from '../../testing/log-ops.ts';
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
  const rules = (group: string) => ({ allow: [{ name: 'members', groups: [group] }] });
  candidate = await applyDocuments(admin, rehearsedDocuments(rules('badge')), 'candidate');
});

const shadows = async () => (await admin.send('GET', '/v1/shadow')).body.items;
const put = (body: object) => admin.send('PUT', '/v1/shadow', { body, role: 'policy-admin' });

test('a version is decided besides from when it is put until it is taken away', async () => {
  expect(await shadows()).toEqual([]);
  const { status, body } = await put({ version: candidate });
  expect(status).toBe(200);
  const row = { ring: 'default', version: live, shadowVersion: candidate };
  expect(body).toMatchObject({ ...row, position: { rev: expect.any(Number) } });
  expect(await newestOps(admin.database, 'config')).toEqual([{ op: 'release', ...row }]);
  expect(await shadows()).toEqual([row]);
  const gone = await admin.send('DELETE', '/v1/shadow');
  expect(gone.body).toMatchObject({ ...row, shadowVersion: null });
  expect(await newestOps(admin.database, 'config')).toEqual([
    { op: 'release', ...row, shadowVersion: null },
  ]);
  expect(await shadows()).toEqual([]);
  expect((await admin.send('DELETE', '/v1/shadow')).status).toBe(404);
});

test('a version that has left the lane comes back with it, and goes when it is over', async () => {
  for (let at = 0; at < 4; at += 1) {
    const rules = { allow: [{ name: 'members', groups: [`group-${at}`] }] };
    await applyDocuments(admin, rehearsedDocuments(rules), 'candidate');
  }
  const dropped = (await loggedOps(admin.database, 'config')).flat();
  expect(dropped).toContainEqual({ op: 'deleted_bundle', version: candidate });
  await put({ version: candidate });
  expect(await newestOps(admin.database, 'config')).toMatchObject([
    { op: 'bundle', version: candidate },
    { op: 'release', shadowVersion: candidate },
  ]);
  await admin.send('DELETE', '/v1/shadow');
  expect(await newestOps(admin.database, 'config')).toMatchObject([
    { op: 'release', shadowVersion: null },
    { op: 'deleted_bundle', version: candidate },
  ]);
});

test('what cannot be decided besides is refused', async () => {
  expect((await put({ version: 99 })).status).toBe(404);
  expect((await put({ version: live })).status).toBe(422);
  expect((await put({ version: candidate, ring: 'canary' })).status).toBe(409);
  for (const body of [{}, { version: null }, { version: 1.5 }, { version: 1, ring: '__proto__' }]) {
    expect((await put(body)).status).toBe(400);
  }
  const asViewer = { body: { version: candidate }, role: 'viewer' } as const;
  expect((await admin.send('PUT', '/v1/shadow', asViewer)).status).toBe(403);
  expect(await shadows()).toEqual([]);
});

test('what an edge makes up costs the report nothing but that record', async () => {
  const version = 77;
  const shadow = { version, outcome: 'deny', reasons: [], ruleIds: [] } as const;
  const facts = factsOf('usr_fay');
  const records = [
    accessRecord({ facts: {} as never, shadow }),
    accessRecord({ facts, shadow: { version, outcome: 'deny' } as never }),
    accessRecord({
      facts: { ...facts, user: { kind: 'known', id: {}, email: 5 } as never },
      shadow,
    }),
    accessRecord({ facts, shadow }),
  ];
  await insertAccessRecords(admin.database, 'edg_odd', records, Date.now());
  const { status, body } = await admin.send('GET', `/v1/shadow/report?version=${version}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({ read: 4, complete: true });
  expect(body.lost.byUser).toContainEqual(expect.objectContaining({ user: 'usr_fay' }));
});

test('the report tells who would gain and who would lose, of that version alone', async () => {
  const differs = (
    user: string,
    outcome: 'permit' | 'deny',
    version = candidate,
    more: Partial<AccessRecord> = {},
  ) =>
    accessRecord({
      facts: factsOf(user),
      configVersion: live,
      outcome: outcome === 'permit' ? 'deny' : 'permit',
      ruleIds: ['wiki/allow/members'],
      shadow: { version, outcome, reasons: ['rule_denied'], ruleIds: ['wiki/deny/them'] },
      ...more,
    });
  const records = [
    differs('usr_alice', 'deny'),
    differs('usr_alice', 'deny'),
    differs('usr_bob', 'permit'),
    differs('usr_carl', 'deny', candidate + 1),
    accessRecord({ facts: factsOf('usr_dora'), configVersion: live }),
    // Of an edge that knows nothing of shadows, and of one that says nonsense.
    accessRecord({ shadow: undefined as never }),
    differs('usr_eve', 'deny', 'no number' as never),
  ];
  await insertAccessRecords(admin.database, 'edg_test', records, Date.now());
  const report = (query: string) => admin.send('GET', `/v1/shadow/report?${query}`);
  const { status, body } = await report(`version=${candidate}`);
  expect(status).toBe(200);
  expect(body).toMatchObject({
    version: candidate,
    since: null,
    read: 3,
    complete: true,
    other: 0,
    lost: {
      requests: 2,
      users: 1,
      byUser: [{ user: 'usr_alice', requests: 2 }],
      byRoute: [{ route: 'wiki', requests: 2 }],
      byRule: [
        { rule: 'wiki/deny/them', side: 'candidate' },
        { rule: 'wiki/allow/members', side: 'live' },
      ],
    },
    gained: { requests: 1, byUser: [{ user: 'usr_bob', email: 'usr_bob@corp.test' }] },
  });
  expect(body.gained.byUser[0].examples).toEqual([records[2]?.correlationId]);
  expect((await report(`version=${candidate}&limit=1`)).body).toMatchObject({
    read: 1,
    complete: false,
  });
  const later = await report(`version=${candidate}&since=2100-01-01T00:00:00Z`);
  expect(later.body).toMatchObject({ read: 0, complete: true });
  expect((await report('')).status).toBe(404);
  await put({ version: candidate });
  expect((await report('')).body).toMatchObject({ version: candidate, read: 3 });
  expect((await report('since=yesterday')).status).toBe(400);
});
