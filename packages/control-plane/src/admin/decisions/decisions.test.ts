import type { Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { beforeAll, describe, expect, test } from 'vitest';
import { insertAccessRecords } from '../../store/access-records.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { accessRecord } from '../../testing/records.ts';

let admin: TestAdmin;
beforeAll(async () => {
  admin = await testAdmin();
});

const insert = (...records: AccessRecord[]) =>
  insertAccessRecords(admin.database, 'edg_test', records, Date.now());

async function idsOf(query: string): Promise<string[]> {
  const { body } = await admin.send('GET', `/v1/decisions?${query}`);
  return body.items.map((item: AccessRecord) => item.correlationId);
}

test('decisions are listed newest first and found by what people ask for', async () => {
  const device = `dev_${'1'.repeat(26)}`;
  const records = [
    accessRecord({ userId: 'usr_a', userEmail: 'alice@corp.test', deviceId: device }),
    accessRecord({ userId: 'usr_c', outcome: 'deny', route: 'reports' }),
    accessRecord({ host: 'reports.fin.test', outcome: 'refused', route: null }),
  ];
  await insert(...records);
  const [first, second, third] = records.map((record) => record.correlationId);
  expect(await idsOf('')).toEqual([third, second, first]);
  expect(await idsOf('user=usr_a')).toEqual([first]);
  expect(await idsOf('user=Alice@corp.test')).toEqual([first]);
  expect(await idsOf(`device=${device}`)).toEqual([first]);
  expect(await idsOf('outcome=deny')).toEqual([second]);
  expect(await idsOf('route=reports')).toEqual([second]);
  expect(await idsOf('host=reports.fin.test')).toEqual([third]);
  const { body } = await admin.send('GET', `/v1/decisions/${first}`);
  expect(body).toMatchObject({ ...records[0], receivedAt: expect.any(String) });
  expect((await admin.send('GET', '/v1/decisions/none')).status).toBe(404);
});

test('a batch that is sent again is taken once', async () => {
  const record = accessRecord();
  await insert(record, record);
  await insert(record);
  expect((await idsOf('limit=200')).filter((id) => id === record.correlationId)).toHaveLength(1);
});

test('what another edge writes under the same id later takes nothing away', async () => {
  const record = accessRecord();
  await insert(record);
  const forged = { ...record, edge: 'edg_other', path: '/forged' };
  await insertAccessRecords(admin.database, 'edg_other', [forged], Date.now());
  const { body } = await admin.send('GET', `/v1/decisions/${record.correlationId}`);
  expect([body.edge, body.path]).toEqual([record.edge, record.path]);
});

test('a record with text that no database takes is kept all the same', async () => {
  const record = accessRecord({ userAgent: 'a\u0000b\ud800', path: '/\u0000' });
  await insert(record);
  const { body } = await admin.send('GET', `/v1/decisions/${record.correlationId}`);
  expect([body.userAgent, body.path]).toEqual(['a\ufffdb\ufffd', '/\ufffd']);
});

test('who follows the tail sees each new decision once, oldest first', async () => {
  const { body: start } = await admin.send('GET', '/v1/decisions?limit=1');
  let tail: string = start.tailCursor;
  const follow = async (query = ''): Promise<string[]> => {
    const { body } = await admin.send('GET', `/v1/decisions?tail=${tail}${query}`);
    tail = body.nextCursor;
    return body.items.map((item: AccessRecord) => item.correlationId);
  };
  expect(await follow()).toEqual([]);
  const records = Array.from({ length: 5 }, () => accessRecord());
  await insert(...records.slice(0, 3));
  expect(await follow('&limit=2')).toEqual(records.slice(0, 2).map((one) => one.correlationId));
  await insert(...records.slice(3));
  expect(await follow()).toEqual(records.slice(2).map((one) => one.correlationId));
  expect(await follow()).toEqual([]);
  await insert(accessRecord({ outcome: 'permit' }), accessRecord({ outcome: 'deny' }));
  expect(await follow('&outcome=deny')).toHaveLength(1);
  const both = await admin.send('GET', `/v1/decisions?tail=${tail}&cursor=${tail}`);
  expect(both.status).toBe(422);
});

test('a shutdown ends every wait for new decisions with an empty page', async () => {
  const other = await testAdmin();
  const { body: start } = await other.send('GET', '/v1/decisions?limit=1');
  const path = `/v1/decisions?tail=${start.tailCursor}&wait=30`;
  // One more than may wait of one token: when that one is refused, the others do.
  const asked = Array.from({ length: 9 }, () => other.send('GET', path));
  expect((await Promise.race(asked)).status).toBe(429);
  await other.close();
  const answers = await Promise.all(asked);
  expect(answers.filter(({ status }) => status === 429)).toHaveLength(1);
  for (const { status, body } of answers) {
    if (status !== 429) expect([status, body.items]).toEqual([200, []]);
  }
});

test('writers at the same time leave nothing behind the reader', async () => {
  const { body: start } = await admin.send('GET', '/v1/decisions?limit=1');
  let tail: string = start.tailCursor;
  const batches = Array.from({ length: 12 }, () => [accessRecord(), accessRecord()]);
  let writing = true;
  const writes = Promise.all(batches.map((batch) => insert(...batch))).finally(() => {
    writing = false;
  });
  const seen: string[] = [];
  for (let last = false; !last; ) {
    last = !writing;
    const { body } = await admin.send('GET', `/v1/decisions?tail=${tail}&limit=3`);
    tail = body.nextCursor;
    seen.push(...body.items.map((item: AccessRecord) => item.correlationId));
    if (body.items.length > 0) last = false;
  }
  await writes;
  expect(seen.sort()).toEqual(
    batches
      .flat()
      .map((one) => one.correlationId)
      .sort(),
  );
});

describe('an explanation', () => {
  const apiVersion = 'sallyport.dev/v1';
  const facts: Facts = {
    nowMs: Date.now(),
    request: { method: 'GET', host: 'wiki.corp.test', path: '/', headers: {} },
    sourceAddress: '203.0.113.7',
    device: { kind: 'none' },
    session: {
      kind: 'live',
      sid: 'ses_a',
      userId: 'usr_a',
      deviceId: null,
      authenticatedAtMs: Date.now(),
      amr: ['pwd'],
      expiresAtMs: Date.now() + 3_600_000,
    },
    user: {
      kind: 'known',
      id: 'usr_a',
      email: 'alice@corp.test',
      groups: ['contractors'],
      status: 'active',
      blocked: false,
      employment: null,
    },
    place: null,
    risk: null,
    lockdown: false,
    staleness: { revokeMs: 1_200, signalsMs: 0, configMs: 0, directoryMs: 0 },
  };
  const documents = (group: string) => [
    {
      apiVersion,
      kind: 'IdentityProvider',
      metadata: { name: 'corp' },
      spec: { issuer: 'https://idp.corp.test', clientId: 'x', clientSecret: 'corp-secret' },
    },
    {
      apiVersion,
      kind: 'Settings',
      metadata: { name: 'default' },
      spec: { signIn: { host: 'signin.corp.test', identityProvider: 'corp' } },
    },
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'staff' },
      spec: { allow: [{ name: 'members', groups: [group] }] },
    },
    {
      apiVersion,
      kind: 'Route',
      metadata: { name: 'wiki' },
      spec: {
        match: [{ host: 'wiki.corp.test' }],
        policies: ['staff'],
        upstream: { url: 'https://wiki.internal.test' },
      },
    },
  ];
  const recorded = { outcome: 'deny', reasons: ['group_missing'], facts } as const;

  beforeAll(async () => {
    await admin.send('PUT', '/v1/secrets/corp-secret', { body: { value: 'x' } });
    for (const group of ['employees', 'contractors']) {
      const body = { documents: documents(group) };
      expect((await admin.send('POST', '/v1/config:apply', { body })).status).toBe(201);
    }
  });

  const explain = async (record: AccessRecord) => {
    await insert(record);
    return admin.send('GET', `/v1/decisions/${record.correlationId}/explanation`);
  };

  test('decides by the version of then, whatever holds today', async () => {
    const { status, body } = await explain(accessRecord({ ...recorded, configVersion: 1 }));
    expect(status).toBe(200);
    expect(body).toMatchObject({ configVersion: 1, agrees: true, recorded: { outcome: 'deny' } });
    expect(body.decision).toMatchObject({ outcome: 'deny', reasons: [{ code: 'group_missing' }] });
    expect(body.trace).toContainEqual({ step: 'index', kind: 'allow', candidates: 0, ruledOut: 1 });
    expect([body.differences, body.shadow]).toEqual([[], null]);
    const today = await explain(accessRecord({ ...recorded, configVersion: 2 }));
    expect(today.body).toMatchObject({
      agrees: false,
      decision: { outcome: 'permit' },
      differences: [
        'outcome: recorded deny, decided again permit',
        'reasons: recorded group_missing, decided again rule_allowed',
        'rules: recorded none, decided again staff/allow/members',
      ],
    });
    expect(today.body.trace).toContainEqual(
      expect.objectContaining({ step: 'rule', rule: 'staff/allow/members', value: 'true' }),
    );
  });

  test('is the same where the request was ended for another reason after that', async () => {
    const permitted = {
      configVersion: 2,
      facts,
      reasons: ['rule_allowed', 'upstream_failed'],
      ruleIds: ['staff/allow/members'],
    };
    expect((await explain(accessRecord(permitted))).body).toMatchObject({ agrees: true });
    const broken = { ...permitted, reasons: ['body_broken', 'rule_allowed'] };
    expect((await explain(accessRecord({ ...broken, outcome: 'refused' }))).body).toMatchObject({
      agrees: true,
    });
    const byAnother = { ...permitted, ruleIds: ['staff/allow/others'] };
    expect((await explain(accessRecord(byAnother))).body).toMatchObject({
      agrees: false,
      differences: ['rules: recorded staff/allow/others, decided again staff/allow/members'],
    });
  });

  test('tells what a version came to that was decided besides', async () => {
    const shadow = {
      version: 3,
      outcome: 'permit',
      reasons: ['rule_allowed'],
      ruleIds: [],
    } as const;
    const { body } = await explain(accessRecord({ ...recorded, configVersion: 1, shadow }));
    expect(body.shadow).toEqual(shadow);
  });

  test('is refused where there was no decision, or its version is not here', async () => {
    expect((await explain(accessRecord({ outcome: 'refused' }))).status).toBe(409);
    expect((await explain(accessRecord({ ...recorded, configVersion: 99 }))).status).toBe(409);
    const odd = { ...recorded, configVersion: 1, facts: { request: null } as never };
    expect((await explain(accessRecord(odd))).status).toBe(409);
    const redacted = { ...recorded, configVersion: 1, redacted: ['path'] } as const;
    const { status, body } = await explain(accessRecord(redacted));
    expect([status, body.detail]).toEqual([409, expect.stringContaining('redacted')]);
  });
});
