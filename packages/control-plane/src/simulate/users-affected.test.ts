import { compile, type Facts } from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { toPolicySet } from '@sallyport/shared/configuration/set';
import { describe, expect, test } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { testDatabase } from '../testing/database.ts';
import { accessRecord } from '../testing/records.ts';
import { factsOf, type Rules, rehearsedDocuments } from '../testing/rehearsed.ts';
import { usersAffected, usersAffectedBy } from './users-affected.ts';

const compiled = (rules: Rules) =>
  compile(toPolicySet(1, rehearsedDocuments(rules) as unknown as ConfigurationDocument[]));

test('users who lose are counted once, among those who had access in the window', async () => {
  const { database } = await testDatabase();
  const insert = (facts: Facts | null, receivedAtMs: number) =>
    insertAccessRecords(database, 'edg_test', [accessRecord({ facts })], receivedAtMs);
  const live = compiled({ allow: [{ name: 'members', groups: ['employees'] }] });
  const candidate = compiled({
    allow: [{ name: 'members', groups: ['badge', 'keys'] }],
    stepUp: [{ name: 'keys', groups: ['keys'], require: { amr: ['hwk'] } }],
  });
  // Came too early.
  await insert(factsOf('usr_early'), 999);
  for (const user of ['usr_alice', 'usr_alice', 'usr_bob']) await insert(factsOf(user), 5_000);
  await insert(factsOf('usr_badge', ['employees', 'badge']), 6_000);
  // Has to confirm, and keeps access.
  await insert(factsOf('usr_keys', ['employees', 'keys']), 6_000);
  // Had none before; is not known; came too late.
  await insert(factsOf('usr_other', ['others']), 6_000);
  await insert(factsOf(null), 6_000);
  await insert(null, 6_000);
  await insert({ ...factsOf('usr_broken'), request: null } as never, 6_000);
  await insert(factsOf('usr_late'), 9_001);
  const window = { sinceMs: 1_000, untilMs: 9_000 };
  const affected = await usersAffected(database.db, live, candidate, window);
  expect(affected).toMatchObject({ active: 4, lose: 2, sampled: false });
  expect(affected.examples).toMatchObject([
    { user: 'usr_bob', email: 'usr_bob@corp.test', route: 'wiki', reason: 'group_missing' },
    { user: 'usr_alice', method: 'GET', host: 'wiki.corp.test', path: '/' },
  ]);
  expect(await usersAffected(database.db, live, live, window)).toMatchObject({ lose: 0 });
});

const members = [{ name: 'members', groups: ['employees'] }];
const window = { sinceMs: 0, untilMs: 9_000 };

test('one who asks for much does not hide the others', async () => {
  const { database } = await testDatabase();
  const insert = (user: string, groups: readonly string[]) =>
    insertAccessRecords(
      database,
      'edg_test',
      [accessRecord({ userId: user, facts: factsOf(user, groups) })],
      5_000,
    );
  for (let at = 0; at < 150; at += 1) await insert(`usr_quiet${at}`, ['employees']);
  for (let at = 0; at < 30; at += 1) await insert('usr_busy', ['employees', 'others']);
  const affected = await usersAffectedBy(20)(
    database.db,
    compiled({ allow: members }),
    compiled({ allow: [{ name: 'others', groups: ['others'] }] }),
    window,
  );
  expect(affected).toMatchObject({ active: 151, lose: 150, sampled: true });
});

test('records of which something was taken say nothing, however they are read', async () => {
  const { database } = await testDatabase();
  const insert = (user: string, more: Partial<AccessRecord>) => {
    const facts = factsOf(user, ['employees']);
    const record = accessRecord({ userId: user, facts, ...more });
    return insertAccessRecords(database, 'edg_test', [record], 5_000);
  };
  for (const [user, sourceAddress] of [
    ['usr_removed', ''],
    ['usr_hashed', 'hmac:AbCdEf0123456789_-wxyz'],
    ['usr_ipv4', '203.0.113.0/24'],
    ['usr_ipv6', '2001:db8:7::/48'],
  ] as const) {
    const facts = { ...factsOf(user, ['employees']), sourceAddress };
    await insert(user, { sourceAddress, facts, redacted: ['userAgent', 'sourceAddress'] });
  }
  await insert('usr_agent', { userAgent: 'curl', redacted: ['userAgent'] });
  await insert('usr_header', { userAgent: '', redacted: ['userAgent', 'headers'] });
  await insert('usr_older', { redacted: undefined as never });
  for (const [most, sampled] of [
    [100, false],
    [1, true],
  ] as const) {
    const affected = await usersAffectedBy(most)(
      database.db,
      compiled({ allow: members }),
      compiled({ allow: [{ name: 'others', groups: ['others'] }] }),
      window,
    );
    expect(affected).toMatchObject({ active: 2, lose: 2, sampled });
    expect(affected.examples.map(({ user }) => user).toSorted()).toEqual([
      'usr_agent',
      'usr_older',
    ]);
  }
});

describe('access that ends later is lost', async () => {
  const { database } = await testDatabase();
  const records = [accessRecord({ facts: factsOf('usr_alice') })];
  await insertAccessRecords(database, 'edg_test', records, 5_000);
  const soon = new Date(Date.now() + 600_000).toISOString();
  const losing = async (live: Rules, candidate: Rules) => {
    const { lose } = await usersAffected(database.db, compiled(live), compiled(candidate), window);
    return lose;
  };

  test.each<[what: string, candidate: Rules]>([
    ['a rule that ends', { allow: [{ ...members[0], notAfter: soon }] }],
    ['a denial that begins', { allow: members, deny: [{ name: 'soon', notBefore: soon }] }],
    ['an expression', { allow: [{ ...members[0], when: `now < timestamp("${soon}")` }] }],
  ])('by %s', async (_what, candidate) => {
    expect(await losing({ allow: members }, candidate)).toBe(1);
    // What would end without the change as well is not taken by it.
    expect(await losing(candidate, candidate)).toBe(0);
  });

  test('by a denial that the route only watches until then', async () => {
    const set = (deny: object[]) => {
      const documents = rehearsedDocuments({ allow: members, deny }).map((document) =>
        document.kind === 'Route'
          ? { ...document, spec: { ...document.spec, monitor: { until: soon } } }
          : document,
      );
      return compile(toPolicySet(1, documents as unknown as ConfigurationDocument[]));
    };
    const watched = set([{ name: 'all', groups: ['employees'] }]);
    const affected = await usersAffected(database.db, set([]), watched, window);
    expect(affected).toMatchObject({ active: 1, lose: 1, examples: [{ reason: 'rule_denied' }] });
  });

  test('and not by hours, ages and ends that come round or go along', async () => {
    const usual = {
      allow: [
        {
          ...members[0],
          time: [{ from: '00:00', to: '00:00', zone: 'Europe/Berlin' }],
          authentication: { maxAge: '1h' },
          employment: { ended: false },
        },
      ],
    };
    const { user, session } = factsOf('usr_bob');
    const employment = { class: 'contractor', endsAtMs: Date.now() + 86_400_000 } as const;
    const facts = factsOf('usr_bob', ['employees'], {
      session,
      user: { ...user, employment } as never,
    });
    await insertAccessRecords(database, 'edg_test', [accessRecord({ facts })], 8_000);
    const late = { sinceMs: 7_000, untilMs: 9_000 };
    const { active, lose } = await usersAffected(
      database.db,
      compiled({ allow: members }),
      compiled(usual),
      late,
    );
    expect([active, lose]).toEqual([1, 0]);
  });
});
