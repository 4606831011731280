import type { RiskFacts } from '@sallyport/policy';
import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { lastPlaceName, lastPlaceValue } from '@sallyport/shared/signals/last-place';
import type { KnownPlace } from '@sallyport/shared/signals/place';
import { defaultSettings } from '@sallyport/shared/signals/settings';
import type { Signal, SignalSubject } from '@sallyport/shared/state/model';
import { noRequestSignals } from '@sallyport/shared/state/tables/request-signals';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  behindAFront,
  getFrom,
  inBerlin,
  inSydney,
  usePlaces,
} from '../../sightings/testing/behind-a-front.ts';
import { berlin, sydney } from '../../sightings/testing/places.ts';
import type { RawClient } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { clientAt } from '../testing/front.ts';
import { ok } from '../testing/recorder.ts';
import { agree, webSocketRequest } from '../testing/web-socket.ts';
import { createRiskOf } from './risk-facts.ts';

const calm: RiskFacts = { score: 0, signals: [], untilMs: null };
const hourMs = 3_600_000;
const host = 'app.corp.test';

/** One device at both ends halves it. */
function travel(more: object = { score: 100 }): object {
  return { signals: { detectors: { 'impossible-travel': more } } };
}

/** Staff, but nobody at a risk of 50 or more. */
function documents(edge: TestEdge, settings: object = travel()): ConfigurationDocument[] {
  return behindAFront(testDocuments(edge.pki, edge.upstream.port)).map(
    (document): ConfigurationDocument => {
      if (document.kind === 'Settings')
        return { ...document, spec: { ...document.spec, ...settings } };
      if (document.kind !== 'Policy' || document.metadata.name !== 'staff') return document;
      const deny = [{ name: 'risky', risk: { atLeast: 50 } }];
      return {
        apiVersion,
        kind: 'Policy',
        metadata: { name: 'staff' },
        spec: { ...document.spec, deny },
      };
    },
  );
}

let edge: TestEdge;
let users = 0;
let userId: string;
let sid: string;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  await usePlaces(edge.places);
  await edge.apply('config', ...edge.configuration(documents(edge)));
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
  // Nobody has seen this user before.
  users += 1;
  userId = `usr_${users}`;
  const alice = edge.state.current.user('usr_alice');
  if (alice === null) throw new Error('no alice');
  await edge.apply('directory', { ...alice, id: userId });
  sid = `ses_${users}`;
  cookie = await edge.session(userId, 'dev_laptop', host, {
    sid,
    expiresAtMs: Date.now() + 24 * hourMs,
  });
});

const signal = (
  subject: SignalSubject,
  subjectId: string,
  name: string,
  value: string,
  observedAtMs = Date.now(),
): Signal => ({
  op: 'signal',
  subject,
  subjectId,
  name,
  value,
  observedAtMs,
  expiresAtMs: observedAtMs + 90 * 24 * hourMs,
});
const noticed = (subject: SignalSubject, subjectId: string, name: string, score: number) =>
  signal(subject, subjectId, name, JSON.stringify({ s: score, h: 24 * hourMs, r: 'seen' }));
const lastPlace = (place: KnownPlace, observedAtMs = Date.now()) =>
  signal('user', userId, lastPlaceName, lastPlaceValue('dev_laptop', place) ?? '', observedAtMs);

/** Status and risk of one request. */
async function ask(address = inBerlin): Promise<[number, RiskFacts | null | undefined]> {
  edge.records.all.length = 0;
  const { status } = await getFrom(edge, address, cookie);
  await expect.poll(() => edge.records.all.length).toBe(1);
  return [status, edge.records.all[0]?.facts?.risk];
}

/** A WebSocket from Berlin. */
async function openSocket(): Promise<RawClient> {
  edge.upstream.script = agree;
  const client = await clientAt(edge, inBerlin);
  client.send(webSocketRequest(cookie));
  expect((await client.response()).status).toBe(101);
  return client;
}

describe('the risk of a request', () => {
  it('is none where nothing was noticed, for all alike, and is not known without the lane', async () => {
    expect(await ask()).toEqual([200, calm]);
    const needs = { users: { spotsOf: () => [] } as never };
    const nobody = { kind: 'none' } as const;
    const asked = { device: nobody, session: nobody, user: nobody, place: null };
    const riskOf = (revisions: object) =>
      createRiskOf({
        ...needs,
        state: { requestSignals: () => noRequestSignals, revisions: () => revisions },
      })({ connection: { lastRisk: null } } as never, {
        ...asked,
        settings: defaultSettings,
        nowMs: 1,
      });
    expect(riskOf({})).toBeNull();
    expect(riskOf({ signals: { epoch: 1, rev: 0 } })).toBe(
      riskOf({ signals: { epoch: 1, rev: 1 } }),
    );
  });

  it('is that of its user, its device and its session together', async () => {
    const device = noticed('device', 'dev_laptop', 'new-device', 10);
    await edge.apply('signals', noticed('user', userId, 'new-country', 20), device);
    await edge.apply('signals', noticed('session', sid, 'distant-sessions', 50));
    const [status, risk] = await ask();
    expect(status).toBe(403);
    const signals = ['distant-sessions', 'new-country', 'new-device'];
    expect(risk).toEqual({ score: 64, signals, untilMs: expect.any(Number) as unknown });
    const { subject, subjectId, name } = device;
    await edge.apply('signals', { op: 'deleted_signal', subject, subjectId, name });
    expect((await ask())[1]?.score).toBe(60);
  });

  it('of others says nothing of this one', async () => {
    await edge.apply('signals', noticed('user', 'usr_else', 'new-country', 90));
    await edge.apply('signals', noticed('session', 'ses_else', 'new-country', 90));
    await edge.apply('signals', noticed('device', 'dev_else', 'new-country', 90));
    expect(await ask()).toEqual([200, calm]);
  });

  it('is no less for a last place, nor for a row of a form that is not known', async () => {
    await edge.apply('signals', lastPlace(berlin), signal('user', userId, 'new-country', '?'));
    expect(await ask()).toEqual([200, { ...calm, signals: [] }]);
  });

  it('falls with time, and a permit lasts until then', async () => {
    await edge.apply('signals', noticed('user', userId, 'new-country', 40));
    const [status, risk] = await ask();
    expect([status, risk?.score]).toEqual([200, 40]);
    const untilMs = risk?.untilMs ?? 0;
    expect(untilMs).toBeGreaterThan(Date.now());
    edge.clock.offsetMs = untilMs - Date.now();
    expect((await ask())[1]?.score).toBe(35);
    edge.clock.offsetMs = 0;
  });
});

describe('a journey that nobody makes', () => {
  const travelled = {
    score: 50,
    signals: ['impossible-travel'],
    untilMs: expect.any(Number) as unknown,
  };

  it('counts at once, from the last place that the control plane tells', async () => {
    await edge.apply('signals', lastPlace(berlin));
    expect(await ask(inBerlin)).toEqual([200, calm]);
    expect(await ask(inSydney)).toEqual([403, travelled]);
  });

  it('counts at once, from where this worker saw the user', async () => {
    expect(await ask(inBerlin)).toEqual([200, calm]);
    expect(await ask(inSydney)).toEqual([403, travelled]);
    // Both of them are suspect.
    expect(await ask(inBerlin)).toEqual([403, travelled]);
  });

  it('counts no more when the control plane has seen the user here and noticed nothing', async () => {
    await ask(inBerlin);
    expect((await ask(inSydney))[0]).toBe(403);
    await edge.apply('signals', lastPlace(sydney));
    expect(await ask(inSydney)).toEqual([200, calm]);
  });

  it('counts once where the control plane has noticed it too', async () => {
    await ask(inBerlin);
    await edge.apply('signals', noticed('user', userId, 'impossible-travel', 30));
    await edge.apply('signals', noticed('session', sid, 'new-country', 50));
    expect((await ask(inSydney))[1]?.score).toBe(75);
    await edge.apply('signals', noticed('user', userId, 'impossible-travel', 90));
    expect((await ask(inSydney))[1]?.score).toBe(95);
    await edge.apply('signals', noticed('user', userId, 'impossible-travel', 30));
    await edge.apply('signals', lastPlace(sydney));
    expect((await ask(inSydney))[1]?.score).toBe(65);
  });

  it('counts as Settings say: not at all, or not for a group', async () => {
    const set = (more: object) =>
      edge.apply('config', ...edge.configuration(documents(edge, travel(more))));
    await edge.apply('signals', lastPlace(berlin));
    await set({ score: 40 });
    expect((await ask(inSydney))[1]?.score).toBe(20);
    await set({ groups: [{ groups: ['employees'], enabled: false }] });
    expect(await ask(inSydney)).toEqual([200, calm]);
    await set({ enabled: false });
    expect(await ask(inSydney)).toEqual([200, calm]);
    await set({ score: 100 });
    expect((await ask(inSydney))[0]).toBe(403);
  });
});

describe('an exchange that is open', () => {
  it.each<[SignalSubject, () => string]>([
    ['user', () => userId],
    ['device', () => 'dev_laptop'],
    ['session', () => sid],
  ])('is decided again when something is noticed of its %s', async (subject, subjectId) => {
    const client = await openSocket();
    await edge.apply('signals', noticed(subject, 'usr_else', 'new-country', 90));
    await edge.apply('signals', noticed(subject, subjectId(), 'new-country', 40));
    expect(edge.worker.openExchanges()).toBe(1);
    await edge.apply('signals', noticed(subject, subjectId(), 'new-country', 60));
    await client.closed();
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ status: 101, ending: 'revoked' });
    expect(edge.records.all[0]?.reasons).toEqual(['rule_allowed', 'rule_denied']);
    const one = { op: 'deleted_signal', subject, subjectId: subjectId() } as const;
    await edge.apply('signals', { ...one, name: 'new-country' });
  });

  it('stays where it is while the user is seen somewhere else later', async () => {
    await edge.apply('signals', lastPlace(berlin));
    const client = await openSocket();
    await edge.apply('signals', lastPlace(sydney, Date.now() + 30 * hourMs));
    expect(edge.worker.openExchanges()).toBe(1);
    await edge.apply('signals', lastPlace(sydney, Date.now() + hourMs));
    await client.closed();
  });
});
