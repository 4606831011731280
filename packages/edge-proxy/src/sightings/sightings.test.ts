import { afterAll, beforeAll, beforeEach, describe, expect, it, test } from 'vitest';
import { Browser, signIn } from '../request/testing/browser.ts';
import { type Call, call } from '../request/testing/client.ts';
import { testDocuments } from '../request/testing/documents.ts';
import { TestEdge } from '../request/testing/edge.ts';
import { clientAt } from '../request/testing/front.ts';
import { ok } from '../request/testing/recorder.ts';
import {
  behindAFront,
  getFrom,
  inBerlin,
  inSydney,
  socketFrom,
  usePlaces,
} from './testing/behind-a-front.ts';
import { berlin, sydney } from './testing/places.ts';

const host = 'app.corp.test';

let edge: TestEdge;
let sessions = 0;
beforeAll(async () => {
  edge = await TestEdge.start();
  await usePlaces(edge.places);
  const documents = behindAFront(testDocuments(edge.pki, edge.upstream.port));
  await edge.apply('config', ...edge.configuration(documents));
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
  edge.sightings.length = 0;
});

/** Of a user whom nobody has seen before, on the laptop. */
async function newcomer(groups: readonly string[] = ['employees']) {
  sessions += 1;
  const [userId, sid] = [`usr_new${sessions}`, `ses_new${sessions}`];
  const alice = edge.state.current.user('usr_alice');
  if (alice === null) throw new Error('no alice');
  await edge.apply('directory', { ...alice, id: userId, groups });
  return { userId, sid, cookie: await edge.session(userId, 'dev_laptop', host, { sid }) };
}

const get = async (cookie: string, more: Call = {}) =>
  call(edge, { cookie, socket: await socketFrom(edge, inBerlin), ...more });

test('the control plane is told where a sign-in comes from', async () => {
  class Berliner extends Browser {
    override async get(at: string, path: string, more: Call = {}) {
      return super.get(at, path, { socket: await socketFrom(edge, inBerlin), ...more });
    }
  }
  await signIn(new Berliner(edge));
  expect(edge.control.completed.at(-1)).toMatchObject({ sourceAddress: inBerlin, place: berlin });
});

describe('sightings', () => {
  it('are told of a request that was permitted, with the id of its record', async () => {
    const { userId, sid, cookie } = await newcomer();
    expect((await get(cookie)).status).toBe(200);
    await expect.poll(() => edge.sightings.length).toBe(1);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.sightings[0]).toEqual({
      id: edge.records.all[0]?.correlationId,
      seenAtMs: expect.any(Number) as unknown,
      userId,
      sid,
      deviceId: 'dev_laptop',
      sourceAddress: inBerlin,
      place: berlin,
      route: 'app',
    });
  });

  it('are told of one that was denied, or asked for more', async () => {
    const denied = await newcomer([]);
    expect((await get(denied.cookie)).status).toBe(403);
    const asked = await newcomer();
    const strong = 'strong.corp.test';
    const cookie = await edge.session(asked.userId, 'dev_laptop', strong, { sid: asked.sid });
    expect((await get(cookie, { host: strong })).status).toBe(401);
    await expect.poll(() => edge.sightings.length).toBe(2);
    expect(edge.sightings.map(({ sid }) => sid)).toEqual([denied.sid, asked.sid]);
  });

  it('are told of no session on another device, which would move its user there', async () => {
    const { cookie, sid } = await newcomer();
    expect((await get(cookie, { device: edge.stranger })).status).toBe(403);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ sid, outcome: 'deny' });
    expect((await get(cookie)).status).toBe(200);
    await expect.poll(() => edge.sightings.length).toBe(1);
    expect(edge.sightings[0]).toMatchObject({ sid, deviceId: 'dev_laptop' });
  });

  it('are told of no session that does not live, and of nobody who has none', async () => {
    const { cookie, sid } = await newcomer();
    await edge.apply('revoke', { op: 'ended_session', sid, expiresAtMs: Date.now() + 1e7 });
    expect((await get(cookie)).status).toBe(401);
    expect((await get('')).status).toBe(401);
    expect((await get('', { host: 'pub.corp.test' })).status).toBe(200);
    const last = await newcomer();
    await get(last.cookie);
    await expect.poll(() => edge.sightings.length).toBe(1);
    expect(edge.sightings[0]?.sid).toBe(last.sid);
  });

  it('are told once of many requests, and again from another place', async () => {
    const { cookie, userId } = await newcomer();
    const statuses: number[] = [];
    for (const address of [inBerlin, inBerlin, inBerlin, inSydney, inSydney]) {
      statuses.push((await getFrom(edge, address, cookie)).status);
    }
    expect(new Set(statuses)).toEqual(new Set([200]));
    const last = await newcomer();
    await get(last.cookie);
    await expect.poll(() => edge.sightings.at(-1)?.userId).toBe(last.userId);
    const mine = edge.sightings.filter((one) => one.userId === userId);
    expect(mine.map(({ place }) => place)).toEqual([berlin, sydney]);
  });

  it('are told once of requests that come together', async () => {
    const { cookie, userId } = await newcomer();
    const client = await clientAt(edge, inBerlin);
    const one = `GET / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`;
    client.send(one.repeat(10));
    for (let at = 0; at < 10; at += 1) expect((await client.response()).status).toBe(200);
    client.close();
    await expect.poll(() => edge.sightings.length).toBe(1);
    expect(edge.sightings[0]?.userId).toBe(userId);
  });
});
