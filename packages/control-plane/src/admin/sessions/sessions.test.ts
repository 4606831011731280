import { beforeAll, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { newestOps } from '../../testing/log-ops.ts';
import { bornSession } from '../../testing/sessions.ts';

let admin: TestAdmin;
let alice: string;
let carol: string;
let laptop: string;
beforeAll(async () => {
  admin = await testAdmin();
  const create = async (path: string, body: object): Promise<string> =>
    (await admin.send('POST', path, { body })).body.id;
  alice = await create('/v1/users', { email: 'alice@corp.test' });
  carol = await create('/v1/users', { email: 'carol@corp.test' });
  laptop = await create('/v1/devices', { name: 'laptop' });
});

async function sidsOf(query: string): Promise<string[]> {
  const { body } = await admin.send('GET', `/v1/sessions?${query}`, { role: 'viewer' });
  return body.items.map((item: { sid: string }) => item.sid).sort();
}

test('one sees whom to revoke: by user, address, device, and whether they live', async () => {
  const ofAlice = await bornSession(admin, alice, laptop);
  const withoutDevice = await bornSession(admin, alice);
  const ofCarol = await bornSession(admin, carol, laptop);
  const expired = await bornSession(admin, carol, null, -1);
  expect(await sidsOf(`user=${alice}`)).toEqual([ofAlice, withoutDevice].sort());
  expect(await sidsOf('user=CAROL@corp.test')).toEqual([ofCarol, expired].sort());
  expect(await sidsOf(`device=${laptop}`)).toEqual([ofAlice, ofCarol].sort());
  expect(await sidsOf('live=true')).toEqual([ofAlice, withoutDevice, ofCarol].sort());
  expect(await sidsOf('live=false')).toEqual([expired]);
  const { body } = await admin.send('GET', `/v1/sessions/${ofAlice}`);
  expect(body).toMatchObject({
    userEmail: 'alice@corp.test',
    deviceName: 'laptop',
    amr: ['pwd'],
    endedAt: null,
    live: true,
  });
});

test('a session is ended by name, once, with a revocation to show for it', async () => {
  const sid = await bornSession(admin, alice);
  const end = () => admin.send('DELETE', `/v1/sessions/${sid}`, { role: 'responder' });
  expect((await end()).status).toBe(204);
  expect(await newestOps(admin.database, 'revoke')).toMatchObject([{ op: 'ended_session', sid }]);
  const { body } = await admin.send('GET', `/v1/revocations?id=${sid}`);
  expect(body.items).toMatchObject([{ effect: 'end', target: { kind: 'session', id: sid } }]);
  const { body: session } = await admin.send('GET', `/v1/sessions/${sid}`);
  expect((await end()).status).toBe(204);
  const { body: later } = await admin.send('GET', `/v1/sessions/${sid}`);
  expect([session.live, later.endedAt]).toEqual([false, session.endedAt]);
  const absent = await admin.send('DELETE', `/v1/sessions/ses_${'0'.repeat(26)}`);
  expect(absent.status).toBe(404);
});
