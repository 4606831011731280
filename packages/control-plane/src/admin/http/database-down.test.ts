import { beforeEach, expect, test } from 'vitest';
import { transaction } from '../../store/database.ts';
import { type TestAdmin, testAdmin } from '../../testing/admin.ts';
import { type Relay, startRelay } from '../../testing/relay.ts';

let admin: TestAdmin;
let relay: Relay;
beforeEach(async () => {
  admin = await testAdmin({
    via: async (url) => {
      relay = await startRelay(url);
      return relay.url;
    },
  });
});

const requests = [
  ['GET', '/v1/users', undefined],
  ['POST', '/v1/users', {}],
  ['POST', '/v1/revocations', { target: { kind: 'everyone' }, reason: 'a test' }],
  ['GET', '/.well-known/sallyport/jwks.json', undefined],
] as const;

async function expectUnavailable(): Promise<void> {
  for (const [method, path, body] of requests) {
    const answer = await admin.send(method, path, { body });
    expect([path, answer.status, answer.body.code]).toEqual([path, 503, 'database_unavailable']);
    expect(answer.headers['retry-after']).toBe('2');
    expect(JSON.stringify(answer.body)).not.toMatch(/127\.0\.0\.1|ECONN|postgres|timeout/i);
  }
}

async function expectServed(): Promise<void> {
  await expect
    .poll(async () => (await admin.send('GET', '/v1/users')).status, { timeout: 10_000 })
    .toBe(200);
  expect((await admin.send('POST', '/v1/users', { body: {} })).status).toBe(201);
}

test('without a database the answer is 503 and when to try again, and then all is as before', async () => {
  await expectServed();
  relay.cut();
  await expectUnavailable();
  expect((await admin.send('GET', '/openapi.json', { token: null })).status).toBe(200);
  relay.restore();
  await expectServed();
});

test('a database that says nothing is the same as none', async () => {
  await expectServed();
  relay.stall();
  await expectUnavailable();
  relay.restore();
  await expectServed();
});

test('a database without connections to spare is the same, but for revocations', async () => {
  const gate = Promise.withResolvers<void>();
  const started: Promise<void>[] = [];
  const held = Array.from({ length: 10 }, () => {
    const holding = Promise.withResolvers<void>();
    started.push(holding.promise);
    return transaction(admin.database.ordinary, async () => {
      holding.resolve();
      await gate.promise;
    });
  });
  await Promise.all(started);
  expect((await admin.send('GET', '/v1/users')).status).toBe(503);
  const revocation = await admin.send('POST', '/v1/revocations', {
    headers: { 'idempotency-key': 'now' },
    body: { target: { kind: 'everyone' }, reason: 'while others wait' },
  });
  expect(revocation.status).toBe(201);
  gate.resolve();
  await Promise.all(held);
  await expectServed();
});
