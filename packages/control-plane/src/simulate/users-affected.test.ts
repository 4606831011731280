import { compile, type Facts } from '@sallyport/policy';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { toPolicySet } from '@sallyport/shared/configuration/set';
import { expect, test } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { testDatabase } from '../testing/database.ts';
import { accessRecord } from '../testing/records.ts';
import { factsOf, type Rules, rehearsedDocuments } from '../testing/rehearsed.ts';
import { usersAffected } from './users-affected.ts';

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
  for (const user of ['usr_alice', 'usr_alice', 'usr_bob']) await insert(factsOf(user), 5_000);
  await insert(factsOf('usr_badge', ['employees', 'badge']), 6_000);
  // Has to confirm, and keeps access.
  await insert(factsOf('usr_keys', ['employees', 'keys']), 6_000);
  // Had none before; is not known; came too early, or too late.
  await insert(factsOf('usr_other', ['others']), 6_000);
  await insert(factsOf(null), 6_000);
  await insert(null, 6_000);
  await insert({ ...factsOf('usr_broken'), request: null } as never, 6_000);
  await insert(factsOf('usr_early'), 999);
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
