import { newId } from '@sallyport/shared/ids';
import { createLog } from '@sallyport/shared/log';
import type { Denied } from '@sallyport/shared/signals/events';
import { decodeHistory } from '@sallyport/shared/signals/history';
import { asc, eq } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Database, openDatabase } from '../store/database.ts';
import { historyKey } from '../store/histories.ts';
import { findings, userHistories } from '../store/schema/index.ts';
import { findSession } from '../store/sessions.ts';
import { signalsOf } from '../store/signals.ts';
import { testDatabase, testLog } from '../testing/database.ts';
import { digestsOfLog, digestsOfState } from '../testing/lane-fold.ts';
import { loggedOps } from '../testing/log-ops.ts';
import { accessRecord } from '../testing/records.ts';
import { bornSession } from '../testing/sessions.ts';
import {
  berlin,
  counts,
  newYork,
  replicaSignals,
  type SignedIn,
  saoPaulo,
  sightedAt,
  signedInUser,
  type TestSignals,
} from '../testing/signals.ts';

const hourMs = 3_600_000;
/** Of a failure that a test makes, nobody has to read. */
const quietLog = createLog('error', {}, () => undefined);

let database: Database;
let url: string;
let signals: TestSignals;
let alice: SignedIn;
beforeAll(async () => {
  ({ database, url } = await testDatabase());
  signals = replicaSignals(database);
});
beforeEach(async () => {
  alice = await signedInUser(database);
});

async function found(userId: string = alice.userId) {
  return database.db
    .select()
    .from(findings)
    .where(eq(findings.userId, userId))
    .orderBy(asc(findings.seq));
}

const names = async (): Promise<string[]> => (await found()).map(({ detector }) => detector);

async function historyOf(userId: string): Promise<number | null> {
  const [row] = await database.db
    .select()
    .from(userHistories)
    .where(eq(userHistories.key, historyKey(userId)));
  return row?.history.length ?? null;
}

describe('a user who is seen in two places at once', () => {
  test('is a finding with both places, a signal for the edges, and a last place', async () => {
    const atMs = Date.now();
    await signals.take([sightedAt(alice, berlin, atMs - 60_000)]);
    expect(await found()).toEqual([]);
    const there = sightedAt(alice, newYork, atMs);
    await signals.take([there]);
    const rows = await found();
    expect(rows.map(({ detector }) => detector).sort()).toEqual([
      'impossible-travel',
      'new-country',
    ]);
    expect(rows.find(({ detector }) => detector === 'impossible-travel')).toMatchObject({
      subject: 'user',
      subjectId: alice.userId,
      sid: alice.sid,
      deviceId: alice.deviceId,
      reason: expect.stringContaining('DE and US') as string,
      evidence: {
        kind: 'sighted',
        route: 'wiki',
        here: { id: there.id, atMs, sourceAddress: '203.0.113.7', country: 'US', asn: 7018 },
        before: { country: 'DE', latitude: 52.52, asn: 3320 },
      },
      times: 1,
      revocationId: null,
      dismissedAtMs: null,
    });
    const lane = await signalsOf(database.db, 'user', alice.userId);
    expect(lane.map(({ name }) => name)).toEqual([
      'impossible-travel',
      'last-place',
      'new-country',
    ]);
    expect(JSON.parse(lane[1]?.value ?? '')).toMatchObject({
      country: 'US',
      device: alice.deviceId,
    });
    expect(lane[0]?.expiresAtMs).toBe(
      rows.find(({ detector }) => detector === 'impossible-travel')?.expiresAtMs,
    );
  });

  test('is one finding where two replicas take the same batch at the same time', async () => {
    const other = openDatabase(url, testLog);
    try {
      const replicas = [signals, replicaSignals(other), replicaSignals(other)];
      const people = await Promise.all(Array.from({ length: 8 }, () => signedInUser(database)));
      const atMs = Date.now();
      // Once with histories that they make, and once with those that are there.
      for (const [at, agoMs] of [
        [berlin, 60_000],
        [newYork, 0],
      ] as const) {
        const batch = people.map((who) => sightedAt(who, at, atMs - agoMs));
        await Promise.all(replicas.map((replica) => replica.take(batch)));
      }
      for (const { userId } of people) {
        const rows = await found(userId);
        expect(rows.map((row) => `${row.detector} ${row.times}`).sort()).toEqual([
          'impossible-travel 1',
          'new-country 1',
        ]);
      }
    } finally {
      await other.close();
    }
  });

  test('is found when the earlier sighting comes later, and once when both come again', async () => {
    const atMs = Date.now();
    const batch = [sightedAt(alice, newYork, atMs), sightedAt(alice, berlin, atMs - 60_000)];
    await signals.take(batch.slice(0, 1));
    await signals.take(batch.slice(1));
    expect(await names()).toContain('impossible-travel');
    const [row] = await signalsOf(database.db, 'user', alice.userId);
    const before = await loggedOps(database, 'signals');
    // Another process, as after a restart: all that it knows is in the database.
    const restarted = replicaSignals(database);
    await restarted.take(batch);
    expect(await loggedOps(database, 'signals')).toEqual(before);
    expect((await found()).map(({ times }) => times)).toEqual([1, 1]);
    expect((await signalsOf(database.db, 'user', alice.userId))[0]).toEqual(row);
    expect(await counts(restarted.registry, 'sallyport_signal_events_total')).toEqual({
      'sighted duplicate': 2,
    });
  });

  test('is nowhere newer for what comes late', async () => {
    const atMs = Date.now();
    await signals.take([sightedAt(alice, berlin, atMs)]);
    await signals.take([sightedAt(alice, saoPaulo, atMs - 20 * hourMs)]);
    const [place] = await signalsOf(database.db, 'user', alice.userId);
    expect([place?.name, place?.observedAtMs]).toEqual(['last-place', atMs]);
  });
});

test('a last place goes to the edges when it is another, and not each time', async () => {
  const atMs = Date.now();
  const near = { ...berlin, coordinates: { latitude: 52.5, longitude: 13.38, accuracyKm: 5 } };
  const places = async () => {
    const ops = (await loggedOps(database, 'signals')).flat();
    return ops.filter((op) => op.op === 'signal' && op.subjectId === alice.userId).length;
  };
  const seen: readonly [Parameters<typeof sightedAt>[1], number, number][] = [
    [berlin, -3 * hourMs, 1],
    [near, -3 * hourMs + 60_000, 1],
    [{ ...near, asn: 6805 }, -3 * hourMs + 120_000, 2],
    // In turn, faster than anybody moves.
    [berlin, -3 * hourMs + 120_500, 2],
    [{ ...near, asn: 6805 }, -3 * hourMs + 300_000, 2],
    // What says nothing of where somebody is takes no place's place.
    [{ ...near, egress: 'office' }, -2.9 * hourMs, 2],
    [null, -2.8 * hourMs, 2],
    [{ ...near, asn: 6805 }, -1.5 * hourMs, 3],
  ];
  for (const [at, agoMs, ops] of seen) {
    await signals.take([sightedAt(alice, at, atMs + agoMs)]);
    expect([agoMs, await places()]).toEqual([agoMs, ops]);
  }
});

describe('what an edge makes up', () => {
  test('of the future is of now: it moves no place and no count ahead', async () => {
    const atMs = Date.now();
    const yearMs = 365 * 24 * hourMs;
    const { place, route: _, ...signIn } = sightedAt(alice, berlin, atMs + yearMs);
    await signals.take([
      sightedAt(alice, berlin, atMs + yearMs),
      { ...signIn, place, kind: 'signed_in' },
      { ...sightedAt(alice, berlin, atMs + yearMs), kind: 'denied', reasons: ['no_rule_allows'] },
    ]);
    await signals.takeRecords([
      accessRecord({
        outcome: 'deny',
        reasons: ['no_rule_allows'],
        userId: alice.userId,
        sid: alice.sid,
        deviceId: alice.deviceId,
        time: new Date(atMs + yearMs).toISOString(),
      }),
    ]);
    const [last] = await signalsOf(database.db, 'user', alice.userId);
    expect(last?.observedAtMs).toBeLessThanOrEqual(Date.now());
    const [row] = await database.db
      .select()
      .from(userHistories)
      .where(eq(userHistories.key, historyKey(alice.userId)));
    const { history } = decodeHistory(row?.history ?? new Uint8Array());
    const times = [
      history.newestS,
      ...history.places.map(({ atS }) => atS),
      history.lastSignIn?.atS ?? 0,
      ...history.denials.flatMap(({ tally }) => tally.map(({ atS }) => atS)),
    ];
    expect(times.length).toBeGreaterThan(4);
    expect(Math.max(...times) * 1000).toBeLessThanOrEqual(Date.now());
    await signals.take([sightedAt(alice, newYork)]);
    expect(await names()).toContain('impossible-travel');
  });

  test('of users, and of sessions that are another’s or were never made, leaves nothing', async () => {
    const bob = await signedInUser(database);
    const before = await database.db.$count(userHistories);
    const flood = Array.from({ length: 500 }, () => {
      const nobody = { userId: newId('usr'), sid: newId('ses'), deviceId: newId('dev') };
      return sightedAt(nobody, berlin);
    });
    const replica = replicaSignals(database);
    await replica.take([
      ...flood,
      sightedAt({ ...alice, sid: bob.sid }, berlin),
      sightedAt({ ...alice, sid: newId('ses') }, berlin),
    ]);
    expect(await database.db.$count(userHistories)).toBe(before);
    expect(await signalsOf(database.db, 'user', alice.userId)).toEqual([]);
    expect(await counts(replica.registry, 'sallyport_signal_events_total')).toEqual({
      'sighted no_session': 502,
    });
  });

  test('of devices and places of a session that it serves stays bounded', async () => {
    const replica = replicaSignals(database);
    const startMs = Date.now() - 10 * hourMs;
    for (let batch = 0; batch < 4; batch += 1) {
      await replica.take(
        Array.from({ length: 300 }, (_, index) => {
          const atMs = startMs + (batch * 300 + index) * 1_000;
          const at = index % 2 === 0 ? newYork : berlin;
          return sightedAt({ ...alice, deviceId: newId('dev') }, at, atMs);
        }),
      );
    }
    expect(await historyOf(alice.userId)).toBeLessThan(4_097);
    const rows = await found();
    const devices = rows.filter(({ detector }) => detector === 'new-device');
    expect(devices).toHaveLength(50);
    expect(rows.length).toBeLessThan(60);
    expect(await counts(replica.registry, 'sallyport_signal_findings_total')).toMatchObject({
      'new-device raised': 50,
      'new-device too_many': expect.any(Number) as number,
    });
  });
});

describe('denials', () => {
  const denial = (more: object = {}) =>
    accessRecord({
      outcome: 'deny',
      reasons: ['no_rule_allows'],
      userId: alice.userId,
      sid: alice.sid,
      deviceId: alice.deviceId,
      ...more,
    });

  test('of a live session are counted by route, and a batch that comes again is not', async () => {
    const records = Array.from({ length: 29 }, () => denial());
    await signals.takeRecords(records);
    await signals.takeRecords(records);
    expect(await found()).toEqual([]);
    await signals.takeRecords([denial({ route: 'reports' })]);
    expect(await found()).toEqual([]);
    await signals.takeRecords([denial()]);
    expect(await found()).toMatchObject([{ detector: 'denial-burst', matter: 'wiki', times: 1 }]);
  });

  test('of nobody, of sessions that are over, of permits and of long ago are none', async () => {
    const over = await bornSession({ database }, alice.userId, null, -1_000);
    const long = new Date(Date.now() - 25 * hourMs).toISOString();
    const none = [
      { userId: null, sid: null },
      { sid: null },
      { sid: over },
      { outcome: 'permit' },
      { outcome: 'sign_in' },
      { time: long },
      { correlationId: '\u0000' },
      { userId: "' or 1=1" },
    ];
    const records = none.flatMap((change) => Array.from({ length: 40 }, () => denial(change)));
    await signals.takeRecords(records);
    expect(await found()).toEqual([]);
  });

  test('that come from a spool long after are no burst of now', async () => {
    const startMs = Date.now() - 20 * hourMs;
    const records = Array.from({ length: 60 }, (_, index) =>
      denial({ time: new Date(startMs + index * 600_000).toISOString() }),
    );
    await signals.takeRecords(records);
    expect(await found()).toEqual([]);
  });

  test('for the cookie without its device are a signal of the session, whatever came first', async () => {
    const session = { kind: 'live', deviceId: alice.deviceId };
    const facts = { session } as never;
    const reasons = ['device_certificate_missing'];
    await signals.takeRecords([denial({ deviceId: null, reasons, facts })]);
    expect(await found()).toMatchObject([
      { detector: 'session-on-other-device', subjectId: alice.sid, deviceId: null },
    ]);
  });

  test('for the cookie on another device are a signal of the session', async () => {
    const deviceId = newId('dev');
    const reasons = ['session_other_device'];
    const place = { country: 'KP', asn: -1 };
    await signals.takeRecords([denial({ deviceId, reasons, facts: { place } })]);
    expect(await found()).toMatchObject([
      {
        detector: 'session-on-other-device',
        subject: 'session',
        subjectId: alice.sid,
        deviceId,
        matter: deviceId,
        // Of a place of which something cannot be so, nothing is believed.
        evidence: { here: { country: null, asn: null } },
      },
    ]);
    const lane = await signalsOf(database.db, 'session', alice.sid);
    expect(lane.map(({ name }) => name)).toEqual(['session-on-other-device']);
  });
});

test('events of one user that no database takes do not hold up those of others', async () => {
  const bob = await signedInUser(database);
  const atMs = Date.now();
  const replica = replicaSignals(database, quietLog);
  // Past the reader of sightings: what only a mistake of ours lets through.
  const poison: Denied = {
    ...sightedAt(alice, berlin, atMs),
    kind: 'denied',
    reasons: ['session_other_device'],
    sourceAddress: '\u0000',
  };
  await replica.take([
    poison,
    sightedAt(bob, berlin, atMs - 60_000),
    sightedAt(bob, newYork, atMs),
  ]);
  expect((await found(bob.userId)).length).toBe(2);
  expect(await found()).toEqual([]);
  expect(await counts(replica.registry, 'sallyport_signal_events_total')).toMatchObject({
    'denied failed': 1,
    'sighted taken': 2,
  });
});

test('a session that is only seen is not ended, and the lane is what its log says', async () => {
  expect((await findSession(database.db, alice.sid))?.endedAtMs).toBeNull();
  const [log, state] = [await digestsOfLog(database), await digestsOfState(database)];
  expect(log.signals).toBe(state.signals);
});
