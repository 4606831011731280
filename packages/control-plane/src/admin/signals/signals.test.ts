import { and, eq } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sweepOnce } from '../../store/jobs/retention.ts';
import { findings, userHistories } from '../../store/schema/index.ts';
import { findSession } from '../../store/sessions.ts';
import { signalsOf } from '../../store/signals.ts';
import type { TestAdmin } from '../../testing/admin.ts';
import {
  apply,
  configured,
  type SettingsSpec,
  settings,
  wikiSet,
} from '../../testing/configuration.ts';
import { digestsOfLog, digestsOfState } from '../../testing/lane-fold.ts';
import { testLeader } from '../../testing/leader.ts';
import { newestOps } from '../../testing/log-ops.ts';
import { bornSession } from '../../testing/sessions.ts';
import {
  berlin,
  counts,
  newYork,
  replicaSignals,
  type SignedIn,
  saoPaulo,
  sightedAt,
  signedInUser,
} from '../../testing/signals.ts';

let admin: TestAdmin;
let alice: SignedIn;

beforeAll(async () => {
  admin = await configured(wikiSet(['staff']));
});
beforeEach(async () => {
  alice = await signedInUser(admin.database);
});

/** Makes this the live settings of signals. */
async function settle(signals: NonNullable<SettingsSpec['signals']>): Promise<void> {
  const answer = await apply(admin, { documents: [settings({ signals })] });
  if (answer.status !== 201) throw new Error(JSON.stringify(answer.body));
}

/** Alice is here, and there a minute later, so long ago. */
async function travels(
  from = berlin,
  to = newYork,
  agoMs = 0,
  who: SignedIn = alice,
): Promise<void> {
  const atMs = Date.now() - agoMs;
  const replica = replicaSignals(admin.database);
  await replica.take([sightedAt(who, from, atMs - 60_000), sightedAt(who, to, atMs)]);
}

async function listed(query: string): Promise<{ id: string; detector: string; state: string }[]> {
  return (await admin.send('GET', `/v1/signals?user=${alice.userId}&${query}`)).body.items;
}

const detectorsOf = async (query: string): Promise<string[]> =>
  (await listed(query)).map(({ detector }) => detector).sort();

const dismiss = (id: string, body: object = { reason: 'a business trip' }) =>
  admin.send('POST', `/v1/signals/${id}/dismiss`, { body });

async function journey(): Promise<string> {
  const [row] = await listed('detector=impossible-travel');
  return row?.id ?? '';
}

describe('signals', () => {
  test('are listed, newest first, by what people ask for, and read one by one', async () => {
    await travels();
    const { userId, deviceId, sid } = alice;
    const both = ['impossible-travel', 'new-country'];
    const email = (await admin.send('GET', `/v1/users/${userId}`)).body.email as string;
    for (const query of ['', `device=${deviceId}`]) {
      expect([query, await detectorsOf(query)]).toEqual([query, both]);
    }
    expect(await detectorsOf(`session=${sid}`)).toEqual(both);
    const named = await admin.send('GET', `/v1/signals?user=${email.toUpperCase()}`);
    expect(named.body.items).toHaveLength(2);
    expect(await detectorsOf('state=open&detector=new-country')).toEqual(['new-country']);
    for (const query of ['state=expired', 'state=dismissed', 'detector=new-device']) {
      expect([query, await listed(query)]).toEqual([query, []]);
    }
    const { body: first } = await admin.send('GET', `/v1/signals?user=${userId}&limit=1`);
    const { body: second } = await admin.send(
      'GET',
      `/v1/signals?user=${userId}&cursor=${first.nextCursor}`,
    );
    expect([...first.items, ...second.items]).toHaveLength(2);
    const { body } = await admin.send('GET', `/v1/signals/${await journey()}`);
    expect(body).toMatchObject({
      userEmail: email,
      subject: { kind: 'user', id: userId },
      evidence: { here: { country: 'US' }, before: { country: 'DE' } },
    });
    for (const query of ['detector=fortune-teller', 'state=all', 'device=1', 'subject=x']) {
      expect([query, (await admin.send('GET', `/v1/signals?${query}`)).status]).toEqual([
        query,
        400,
      ]);
    }
    expect((await admin.send('GET', `/v1/signals/sig_${'0'.repeat(26)}`)).status).toBe(404);
  });

  test('that have decayed are expired, and are no risk', async () => {
    await travels(berlin, newYork, 23 * 3_600_000);
    await admin.database.db
      .update(findings)
      .set({ expiresAtMs: Date.now() - 1 })
      .where(and(eq(findings.userId, alice.userId), eq(findings.detector, 'new-country')));
    expect(await detectorsOf('state=expired')).toEqual(['new-country']);
    expect(await detectorsOf('state=open')).toEqual(['impossible-travel']);
  });

  test('are the risk of a user, as edges reckon it', async () => {
    const path = `/v1/users/${alice.userId}/risk`;
    const none = { userId: alice.userId, score: 0, signals: [], until: null, lastPlace: null };
    expect((await admin.send('GET', path)).body).toEqual(none);
    await travels();
    const { body } = await admin.send('GET', path);
    // 40, because it is one device, and 30, as independent chances.
    expect(body).toMatchObject({
      score: 58,
      signals: [
        { name: 'impossible-travel', score: 40, reason: expect.stringContaining('DE and US') },
        { name: 'new-country', score: 30 },
      ],
      lastPlace: { country: 'US', deviceId: alice.deviceId, asn: 7018 },
    });
    expect((await admin.send('GET', `/v1/users/usr_${'0'.repeat(26)}/risk`)).status).toBe(404);
  });
});

describe('a dismissed signal', () => {
  test('leaves the lane to the heaviest of the others, and comes back where it weighs more', async () => {
    const nowMs = Date.now();
    const other = { ...alice, sid: await bornSession(admin, alice.userId) };
    const browser = (place: typeof berlin, atMs: number) => ({
      ...sightedAt(alice, place, atMs),
      deviceId: null,
    });
    await replicaSignals(admin.database).take([
      browser(berlin, nowMs - 200_000),
      sightedAt(other, berlin, nowMs - 150_000),
      browser(newYork, nowMs - 100_000),
      sightedAt(other, saoPaulo, nowMs - 50_000),
    ]);
    const inLane = async () => {
      const rows = await signalsOf(admin.database.db, 'user', alice.userId);
      const row = rows.find(({ name }) => name === 'impossible-travel');
      return row === undefined ? null : JSON.parse(row.value).s;
    };
    const journeys = (
      await admin.send('GET', `/v1/signals?user=${alice.userId}`)
    ).body.items.filter(({ detector }: { detector: string }) => detector === 'impossible-travel');
    expect(journeys.map(({ score }: { score: number }) => score)).toEqual([40, 80]);
    expect(await inLane()).toBe(80);
    await dismiss(journeys[1].id);
    expect(await inLane()).toBe(40);
    await admin.send('POST', `/v1/signals/${journeys[1].id}/undismiss`);
    expect(await inLane()).toBe(80);
  });

  test('makes room for others: four matters of one detector that are none hide no fifth', async () => {
    const at = (asn: number) => ({ ...newYork, asn });
    const replica = replicaSignals(admin.database);
    // Without a device there is nothing to doubt, and room for four.
    const browser = (place: typeof newYork, atMs: number) =>
      replica.take([{ ...sightedAt(alice, place, atMs), deviceId: null }]);
    const travelTo = async (to: typeof newYork, turn: number) => {
      const atMs = Date.now() - (60 - turn) * 120_000;
      await browser(berlin, atMs - 60_000);
      await browser(to, atMs);
    };
    for (const turn of [1, 2, 3, 4]) await travelTo(at(turn), turn);
    expect(await listed('detector=impossible-travel&state=open')).toHaveLength(4);
    await browser(saoPaulo, Date.now() - 55 * 120_000 + 60_000);
    expect(await listed('detector=impossible-travel&state=open')).toHaveLength(4);
    expect(await counts(replica.registry, 'sallyport_signal_findings_total')).toMatchObject({
      'impossible-travel silent': 1,
    });
    for (const { id } of await listed('detector=impossible-travel')) await dismiss(id);
    await travelTo(saoPaulo, 6);
    expect(await listed('detector=impossible-travel&state=open')).toHaveLength(1);
  });

  test('leaves the lane and is not raised again, until it is taken back', async () => {
    await travels();
    const id = await journey();
    const { status, body } = await dismiss(id);
    expect([status, body.state, body.dismissedReason]).toEqual([
      200,
      'dismissed',
      'a business trip',
    ]);
    expect(Date.parse(body.silentUntil) - Date.parse(body.dismissedAt)).toBe(30 * 86_400_000);
    const { userId } = alice;
    const taken = { subject: 'user', subjectId: userId, name: 'impossible-travel' };
    // And edges know at once that between the two there is no journey.
    expect(await newestOps(admin.database, 'signals')).toMatchObject([
      { op: 'deleted_signal', ...taken },
      { op: 'signal', name: 'last-place', value: expect.stringContaining('["DE/3320"]') },
    ]);
    expect((await dismiss(id)).body.position).toBeNull();
    // The same again, long after a detector would say it again by itself.
    await admin.database.db.delete(userHistories);
    await travels();
    expect(await listed('detector=impossible-travel')).toMatchObject([
      { state: 'dismissed', times: 2 },
    ]);
    expect(
      (await signalsOf(admin.database.db, 'user', userId)).map(({ name }) => name),
    ).not.toContain('impossible-travel');
    // Of another matter it is.
    await admin.database.db.delete(userHistories);
    await travels(berlin, saoPaulo);
    expect(await listed('detector=impossible-travel&state=open')).toHaveLength(1);
    await admin.send('POST', `/v1/signals/${id}/undismiss`);
    // Twice is as once: nothing was changed, and there is nothing to tell of.
    const back = await admin.send('POST', `/v1/signals/${id}/undismiss`);
    expect([back.body.state, back.body.dismissedBy, back.body.silentUntil]).toEqual([
      'open',
      null,
      null,
    ]);
    const audit = (await admin.send('GET', `/v1/audit?resource=signal&resourceId=${id}`)).body
      .items;
    expect(audit.map(({ verb }: { verb: string }) => verb)).toEqual(['undismiss', 'dismiss']);
    const [log, state] = [await digestsOfLog(admin.database), await digestsOfState(admin.database)];
    expect(log.signals).toBe(state.signals);
  });

  test('goes with the last place to the edges, wherever that is next, and leaves it again', async () => {
    await travels(berlin, newYork, 60_000);
    const id = await journey();
    const none = async () => {
      const rows = await signalsOf(admin.database.db, 'user', alice.userId);
      const { value = '{}' } = rows.find(({ name }) => name === 'last-place') ?? {};
      return JSON.parse(value).none;
    };
    expect(await none()).toBeUndefined();
    await dismiss(id);
    expect(await none()).toEqual(['DE/3320']);
    await replicaSignals(admin.database).take([sightedAt(alice, berlin)]);
    expect(await none()).toEqual(['US/7018']);
    await admin.send('POST', `/v1/signals/${id}/undismiss`);
    expect(await none()).toBeUndefined();
  });

  test('leaves to the lane what else is open of the detector', async () => {
    await travels();
    const id = await journey();
    await travels(berlin, saoPaulo, 3 * 3_600_000);
    await dismiss(id);
    const lane = await signalsOf(admin.database.db, 'user', alice.userId);
    const left = lane.find(({ name }) => name === 'impossible-travel');
    expect(left?.value).toContain('BR');
  });

  test('takes a reason, and one who may revoke', async () => {
    await travels();
    const id = await journey();
    expect((await dismiss(id, {})).status).toBe(400);
    expect((await dismiss(id, { reason: '' })).status).toBe(400);
    const body = { reason: 'mine' };
    for (const role of ['viewer', 'policy-admin'] as const) {
      const path = `/v1/signals/${id}/dismiss`;
      expect((await admin.send('POST', path, { role, body })).status).toBe(403);
    }
    expect((await dismiss(`sig_${'0'.repeat(26)}`)).status).toBe(404);
    const path = `/v1/signals/${id}/dismiss`;
    expect((await admin.send('POST', path, { role: 'responder', body })).status).toBe(200);
  });
});

describe('with the outcome revoke', () => {
  beforeAll(() =>
    settle({
      dismissalsLast: '1h',
      detectors: {
        'impossible-travel': {
          outcome: 'revoke',
          groups: [{ groups: ['travellers'], outcome: 'signal' }],
        },
      },
    }),
  );

  const revocations = async () => {
    const { body } = await admin.send('GET', '/v1/revocations?kind=session');
    return body.items.filter(({ target }: { target: { id: string } }) => own.has(target.id));
  };
  const own = new Set<string>();
  beforeEach(() => {
    own.clear();
    own.add(alice.sid);
  });

  test('the session is ended as the API does it, by the detector, and once', async () => {
    await travels();
    const [row] = await revocations();
    expect(row).toMatchObject({
      target: { kind: 'session', id: alice.sid },
      effect: 'end',
      createdBy: 'impossible-travel',
      reason: expect.stringMatching(/^impossible-travel: .*DE and US/),
    });
    expect((await findSession(admin.database.db, alice.sid))?.endedAtMs).not.toBeNull();
    expect(await newestOps(admin.database, 'revoke')).toMatchObject([
      { op: 'ended_session', sid: alice.sid },
    ]);
    const { body: audit } = await admin.send('GET', '/v1/audit?actor=impossible-travel');
    expect(audit.items).toMatchObject([
      { verb: 'create', resource: 'revocation', resourceId: row.id, actor: { kind: 'system' } },
    ]);
    const { body } = await admin.send('GET', `/v1/signals/${await journey()}`);
    expect(body.revocationId).toBe(row.id);
    // Another session of the user ends as well; one that is over is left alone.
    const again = { ...alice, sid: await bornSession(admin, alice.userId) };
    own.add(again.sid);
    await travels(berlin, newYork, 0, again);
    await travels(berlin, newYork, 0, again);
    expect(await revocations()).toHaveLength(2);
    expect((await admin.send('GET', `/v1/signals/${await journey()}`)).body.times).toBe(2);
  });

  test('the session of somebody else is ended, also where the user comes after', async () => {
    const dayMs = 86_400_000;
    const nowMs = Date.now();
    const replica = replicaSignals(admin.database);
    for (const days of [5, 4, 3, 2]) {
      await replica.take([sightedAt(alice, berlin, nowMs - days * dayMs)]);
    }
    const thief = { ...alice, sid: await bornSession(admin, alice.userId, null), deviceId: null };
    own.add(thief.sid);
    const signedInAt = (who: typeof thief | SignedIn, at: typeof berlin, agoMs: number) =>
      ({ ...sightedAt(alice, at, nowMs - agoMs), ...who, kind: 'signed_in' }) as const;
    await replica.take([signedInAt(thief, saoPaulo, 60_000)]);
    await replica.take([signedInAt(alice, berlin, 0)]);
    expect(await revocations()).toMatchObject([{ target: { id: thief.sid } }]);
    const { body } = await admin.send('GET', `/v1/signals/${await journey()}`);
    expect([body.sid, body.evidence.beforeSid]).toEqual([alice.sid, thief.sid]);
    // Of two ends that are both new nobody knows which is the user's.
    const other = { ...thief, sid: await bornSession(admin, alice.userId, null) };
    const third = { ...thief, sid: await bornSession(admin, alice.userId, null) };
    for (const { sid } of [other, third]) own.add(sid);
    const lisbon = { ...berlin, country: 'PT', asn: 3243 };
    await replica.take([signedInAt(other, lisbon, -1_000), signedInAt(third, newYork, -2_000)]);
    const ended = (await revocations()).map(({ target }: { target: { id: string } }) => target.id);
    expect(new Set(ended)).toEqual(new Set([thief.sid, other.sid, third.sid]));
  });

  test('a group may be spared, and so is who was dismissed', async () => {
    const group = await admin.send('POST', '/v1/groups', { body: { name: 'travellers' } });
    const path = `/v1/groups/${group.body.id}/members/${alice.userId}`;
    expect((await admin.send('PUT', path)).status).toBeLessThan(300);
    await travels();
    expect(await revocations()).toEqual([]);
    expect((await dismiss(await journey())).body.silentUntil).not.toBeNull();
    await admin.send('DELETE', path);
    await admin.database.db.delete(userHistories);
    await travels();
    expect(await revocations()).toEqual([]);
  });
});

test('histories and signals go when their time is over, and with their user', async () => {
  const leader = await testLeader(admin.database);
  const histories = () => admin.database.db.$count(userHistories);
  await admin.database.db.delete(userHistories);
  await travels();
  const nowMs = Date.now();
  await sweepOnce(leader, nowMs + 89 * 86_400_000);
  expect([await histories(), (await listed('')).length]).toEqual([1, 2]);
  await dismiss(await journey());
  await admin.database.db.update(findings).set({ silentUntilMs: nowMs, keptUntilMs: nowMs + 1 });
  await sweepOnce(leader, nowMs + 2);
  expect([await histories(), await listed('')]).toEqual([1, []]);
  await sweepOnce(leader, nowMs + 182 * 86_400_000);
  expect(await histories()).toBe(0);
  alice = await signedInUser(admin.database);
  await travels();
  expect(await histories()).toBe(1);
  await admin.send('DELETE', `/v1/users/${alice.userId}`);
  expect(await histories()).toBe(0);
});
