import { newId } from '@sallyport/shared/ids';
import { expect, test, vi } from 'vitest';
import { testDatabase } from '../testing/database.ts';
import { berlin, newYork, replicaSignals, sightedAt, signedInUser } from '../testing/signals.ts';
import { transaction } from './database.ts';
import {
  holdFindings,
  insertFinding,
  lockFinding,
  markDismissed,
  type NewFindingRow,
  repeatFinding,
} from './findings.ts';
import { listFindingsAfter, newestFindingSeq } from './findings-in-order.ts';

const place = {
  atMs: 1,
  deviceId: null,
  country: null,
  region: null,
  latitude: null,
  longitude: null,
  asn: null,
  egress: null,
};

function findingOf(id: string): NewFindingRow {
  return {
    id,
    detector: 'new-country',
    subject: 'user',
    subjectId: 'usr_a',
    userId: 'usr_a',
    reason: 'seen in DE',
    score: 40,
    halfLifeMs: 3_600_000,
    matter: id,
    evidence: {
      kind: 'sighted',
      here: { id: 'req_a', sourceAddress: '203.0.113.7', ...place },
      before: null,
      beforeSid: null,
      route: null,
    },
    atMs: 1,
    lastAtMs: 1,
    expiresAtMs: 2,
    keptUntilMs: 3,
  };
}

test('a reader of findings misses none that is raised while another is not committed', async () => {
  const { database } = await testDatabase();
  const { db, bulk } = database;
  const signals = replicaSignals(database);
  const alice = await signedInUser(database);
  const atMs = Date.now();
  await signals.take([sightedAt(alice, berlin, atMs - 60_000)]);

  const release = Promise.withResolvers<void>();
  const wrote = Promise.withResolvers<void>();
  const slowId = newId('sig');
  const slow = transaction(database.ordinary, async (tx) => {
    await holdFindings(tx);
    await insertFinding(tx, findingOf(slowId));
    wrote.resolve();
    await release.promise;
  });
  await wrote.promise;
  let raised = false;
  const quick = signals.take([sightedAt(alice, newYork, atMs)]).then(() => {
    raised = true;
  });
  // It waits its turn, and where it did not, it would be through.
  await vi.waitFor(
    async () => {
      const { rows } = await bulk.query<{ n: number }>(
        `select count(*)::int as n from pg_locks where locktype = 'advisory' and not granted
          and database = (select oid from pg_database where datname = current_database())`,
      );
      expect(raised || rows[0]?.n === 1).toBe(true);
    },
    { timeout: 20_000 },
  );
  expect(await newestFindingSeq(db)).toBe(0);
  release.resolve();
  await Promise.all([slow, quick]);
  const newest = await newestFindingSeq(db);
  const views = await listFindingsAfter(db, 0, newest, 10);
  expect(
    views
      .map(({ finding }) => finding.detector)
      .slice(1)
      .toSorted(),
  ).toEqual(['impossible-travel', 'new-country']);
  // The one that nobody is known by has no address.
  expect(views[0]).toMatchObject({ finding: { id: slowId }, userEmail: null });
  expect(views.at(-1)?.finding.seq).toBe(newest);
});

test('what is found again or dismissed stays where it was, and what is undone leaves a hole', async () => {
  const { database } = await testDatabase();
  const { db } = database;
  const ids = [newId('sig'), newId('sig')] as const;
  await insertFinding(db, findingOf(ids[0]));
  const undone = transaction(database.ordinary, async (tx) => {
    await insertFinding(tx, findingOf(newId('sig')));
    throw new Error('undone');
  });
  await expect(undone).rejects.toThrow('undone');
  await insertFinding(db, findingOf(ids[1]));
  const newest = await newestFindingSeq(db);
  await repeatFinding(db, ids[0], { reason: 'seen again' }, 5);
  const row = await lockFinding(db, ids[0]);
  if (row === null) throw new Error('no finding');
  await markDismissed(db, row, { by: 'tok_a', why: 'known', silentUntilMs: 9 }, 6);

  const seqs = async (after: number, upTo: number, limit = 10) =>
    (await listFindingsAfter(db, after, upTo, limit)).map(({ finding }) => finding.id);
  expect(await newestFindingSeq(db)).toBe(newest);
  expect(await seqs(0, newest)).toEqual(ids);
  expect(await seqs(0, newest, 1)).toEqual([ids[0]]);
  expect(await seqs(row.seq, newest)).toEqual([ids[1]]);
  expect(await seqs(0, newest - 1)).toEqual([ids[0]]);
  expect(await seqs(newest, newest + 100)).toEqual([]);
});
