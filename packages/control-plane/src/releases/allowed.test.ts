import { expect, test } from 'vitest';
import {
  apply,
  configured,
  route,
  settings,
  staff,
  visit,
  wikiSet,
} from '../testing/configuration.ts';

const start = { method: 'POST', path: '/v1/rollouts' } as const;

test('a rollout waits for another person where the settings ask for one', async () => {
  const admin = await configured(wikiSet(['employees'], { approval: { required: true } }));
  await apply(admin, { documents: [route('new')], mode: 'candidate' });
  const begin = () => admin.send(start.method, start.path, { body: { version: 2 } });
  const refused = await begin();
  expect([refused.status, refused.body.code]).toEqual([409, 'approval_required']);
  const approved = await admin.send('POST', '/v1/config/versions/2/approve', {
    role: 'policy-admin',
    body: {},
  });
  expect(approved.body.version).toMatchObject({ state: 'candidate', live: false });
  expect((await begin()).status).toBe(201);
});

test('a rollout that takes access from many is confirmed by one person and approved by another', async () => {
  const rollout = { blastRadius: { usersShare: 0.1 } };
  const admin = await configured(wikiSet(['employees'], { rollout }));
  await visit(admin.database, 'ada', ['employees']);
  const made = await apply(admin, { documents: [staff(['none'])], mode: 'candidate' });
  // It takes nothing from anybody yet.
  expect(made.status).toBe(201);
  const begin = (confirm: boolean) =>
    admin.send(start.method, start.path, { body: { version: 2, confirm } });
  expect((await begin(false)).body.code).toBe('blast_radius_exceeded');
  expect((await begin(true)).body.code).toBe('approval_required');
  await admin.send('POST', '/v1/config/versions/2/approve', { role: 'policy-admin', body: {} });
  expect((await begin(false)).body.code).toBe('blast_radius_exceeded');
  expect((await begin(true)).status).toBe(201);
});

test('a rollout that asks for less before the next version is approved by another person', async () => {
  const rollout = { blastRadius: { usersShare: 0.1 } };
  const admin = await configured(wikiSet(['employees'], { rollout }));
  await apply(admin, { documents: [settings()], mode: 'candidate' });
  const begin = () => admin.send(start.method, start.path, { body: { version: 2 } });
  const refused = await begin();
  expect([refused.status, refused.body.code]).toEqual([409, 'approval_required']);
  await admin.send('POST', '/v1/config/versions/2/approve', { role: 'policy-admin', body: {} });
  expect((await begin()).status).toBe(201);
});

test('going far back from a rollout in its last ring needs its end first, and says so', async () => {
  const rollout = { blastRadius: { usersShare: 0.1 } };
  const admin = await configured(wikiSet(['employees'], { rollout }));
  await apply(admin, { documents: [route('second')] });
  await apply(admin, { documents: [route('third')] });
  await apply(admin, { documents: [route('fourth')], mode: 'candidate' });
  // Without rings the first one is the last.
  const { body } = await admin.send(start.method, start.path, { body: { version: 4 } });
  const back = () => admin.send('POST', '/v1/config:rollback', { body: { toVersion: 1 } });
  const refused = await back();
  expect([refused.status, refused.body.detail]).toEqual([
    409,
    `version 4 has come to every edge: abort its rollout (${body.id}) first`,
  ]);
  await admin.send('POST', `/v1/rollouts/${body.id}/abort`, { body: {} });
  expect((await back()).status).toBe(201);
});

test('a secret that a candidate names is not deleted', async () => {
  const admin = await configured(wikiSet(['employees']));
  const provider = {
    apiVersion: 'sallyport.dev/v1',
    kind: 'IdentityProvider',
    metadata: { name: 'other' },
    spec: { issuer: 'https://other.test', clientId: 'sallyport', clientSecret: 'other-secret' },
  };
  await admin.send('PUT', '/v1/secrets/other-secret', { body: { value: 'the value' } });
  await apply(admin, { documents: [provider], mode: 'candidate' });
  expect((await admin.send('DELETE', '/v1/secrets/other-secret')).status).toBe(409);
});
