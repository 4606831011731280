import { createHmac } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { sql } from 'drizzle-orm';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type ExportWorld,
  exportWorld,
  keyOf,
  type RunningExports,
} from '../../testing/export-world.ts';
import { httpsServer } from '../../testing/https-server.ts';

interface Received {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

let world: ExportWorld;
let running: RunningExports;
let received: Received[] = [];
/** Status and headers of the next answers, by path. */
let answers: Readonly<Record<string, readonly [number, Record<string, string>?]>> = {};
let origin = '';

beforeAll(async () => {
  world = await exportWorld();
  ({ origin } = await httpsServer(world.authority, 'hooks.corp.localhost', (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      received.push({
        path,
        headers: request.headers,
        body: Buffer.concat(chunks).toString('utf8'),
      });
      const [status, headers] = answers[path] ?? [204];
      response.writeHead(status, headers).end('x'.repeat(200_000));
    });
  }));
  const hook = (path: string) => ({
    name: path,
    url: `${origin}/${path}`,
    trustBundle: 'siem',
    secret: 'hook-key',
  });
  await world.configure({
    webhooks: [
      { ...hook('all'), events: ['revocation', 'configuration', 'token', 'signal'] },
      { ...hook('tokens'), events: ['token'] },
    ],
  });
  running = world.start();
  await until(async () => {
    const { rows } = await world.admin.database.db.execute(sql`select 1 from export_cursors`);
    // Two kinds of rows for each.
    expect(rows).toHaveLength(4);
  });
});
beforeEach(() => {
  received = [];
  answers = {};
});

async function until(look: () => Promise<void> | void): Promise<void> {
  await vi.waitFor(
    async () => {
      await running.runNow();
      await look();
    },
    { timeout: 20_000, interval: 50 },
  );
}

const send = (method: string, path: string, body?: object) =>
  world.admin.send(method, path, body === undefined ? {} : { body });
const newToken = (label: string) => send('POST', '/v1/tokens', { role: 'viewer', label });
const typesAt = (path: string) =>
  received
    .filter((one) => one.path === path)
    .map(({ body }) => (JSON.parse(body) as { type: string }).type);

async function deliveries(query: string) {
  const { body } = await send('GET', `/v1/webhooks/deliveries?${query}`);
  return body.items as Readonly<Record<string, unknown>>[];
}

/** As a receiver verifies that follows the specification. */
function verified({ headers, body }: Received, secret: string): boolean {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const content = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  const expected = createHmac('sha256', key).update(content).digest('base64');
  const given = String(headers['webhook-signature']).split(' ');
  return given.includes(`v1,${expected}`);
}

describe('webhooks', () => {
  test('tell of revocations, versions and tokens, in requests that a receiver can verify', async () => {
    const token = await newToken('ci');
    const user = await send('POST', '/v1/users', { email: 'bob@corp.test', displayName: 'Bob' });
    await send('POST', '/v1/revocations', {
      target: { kind: 'user', id: user.body.id },
      effect: 'block',
      reason: 'left "the" company',
    });
    await until(() => {
      // Deliveries come in any order.
      expect(typesAt('/all').toSorted()).toEqual(['revocation.created', 'token.created']);
      expect(typesAt('/tokens')).toEqual(['token.created']);
    });
    for (const one of received) {
      expect(verified(one, keyOf('hook-key'))).toBe(true);
      expect(verified(one, keyOf('otel-key'))).toBe(false);
      expect(verified({ ...one, body: `${one.body} ` }, keyOf('hook-key'))).toBe(false);
      expect(Math.abs(Number(one.headers['webhook-timestamp']) - Date.now() / 1_000)).toBeLessThan(
        60,
      );
      expect(one.body).not.toContain(token.body.token);
      expect(one.headers['content-type']).toBe('application/json');
    }
    const told = received.find(({ path }) => path === '/tokens');
    expect(JSON.parse(told?.body ?? '')).toMatchObject({
      type: 'token.created',
      timestamp: expect.stringMatching(/Z$/),
      data: { resource: 'token', resourceId: token.body.id, actor: { label: 'owner' } },
    });
    expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(3);
  });

  test('try again until they are taken, and follow no redirect', async () => {
    answers = { '/all': [307, { location: `${origin}/tokens` }], '/tokens': [500] };
    await newToken('again');
    await until(async () => {
      expect(await deliveries('state=pending')).toMatchObject([
        { attempts: 1, lastFailure: expect.stringMatching(/answered (307|500)/) },
        { attempts: 1, lastFailure: expect.stringMatching(/answered (307|500)/) },
      ]);
    });
    expect(received).toHaveLength(2);
    expect(await running.metric('sallyport_webhook_deliveries_total', { outcome: 'failed' })).toBe(
      1,
    );
    answers = {};
    await world.admin.database.db.execute(sql`update webhook_deliveries set next_at_ms = 0
      where state = 'pending'`);
    await until(async () => expect(await deliveries('state=pending')).toEqual([]));
    const ids = received
      .filter(({ path }) => path === '/all')
      .map(({ headers }) => headers['webhook-id']);
    expect(ids).toEqual([ids[0], ids[0]]);
  });

  test('are given up in the end, visibly, and can be sent again by hand', async () => {
    answers = { '/tokens': [503] };
    await newToken('lost');
    await until(async () => expect(await deliveries('state=pending')).toHaveLength(1));
    await world.admin.database.db.execute(sql`
      update webhook_deliveries set next_at_ms = 0, give_up_at_ms = ${Date.now() + 1}
      where state = 'pending'`);
    await until(async () => {
      expect(await deliveries('state=dead')).toMatchObject([
        { webhook: 'tokens', state: 'dead', lastStatus: 503, nextAttemptAt: null },
      ]);
    });
    const listed = await send('GET', '/v1/webhooks');
    expect(listed.body.items).toMatchObject([{ dead: 0 }, { name: 'tokens', dead: 1 }]);
    answers = {};
    const [dead] = await deliveries('state=dead');
    const path = `/v1/webhooks/deliveries/${String(dead?.['id'])}/redeliver`;
    expect((await world.admin.send('POST', path, { role: 'viewer', body: {} })).status).toBe(403);
    expect((await send('POST', path, {})).body).toMatchObject({ state: 'pending' });
    await until(async () => expect(await deliveries('state=dead')).toEqual([]));
    await until(() => expect(received.at(-1)?.headers['webhook-id']).toBe(dead?.['id']));
    const none = `/v1/webhooks/deliveries/whd_${'0'.repeat(26)}/redeliver`;
    expect((await send('POST', none, {})).status).toBe(404);
  });

  test('name a secret that is there, like everything that is sent with one', async () => {
    const url = `${origin}/x`;
    const events = ['token' as const];
    await expect(
      world.configure({
        exports: [{ name: 'otel', otlp: { url, authorization: 'nothing' } }],
        webhooks: [{ name: 'x', url, events, secret: 'nowhere' }],
      }),
    ).rejects.toThrow(
      /exports\/0\/otlp\/authorization.*no secret named nothing.*webhooks\/0\/secret.*no secret named nowhere/,
    );
  });

  test('are signed with both keys while a secret has two', async () => {
    const both = `${keyOf('otel-key')} ${keyOf('hook-key')}`;
    await send('PUT', '/v1/secrets/hook-key', { value: both });
    await newToken('rotated');
    await until(() => expect(typesAt('/tokens')).toEqual(['token.created']));
    const [one] = received;
    if (one === undefined) throw new Error('nothing came');
    expect(verified(one, keyOf('hook-key')) && verified(one, keyOf('otel-key'))).toBe(true);
    expect((await send('DELETE', '/v1/secrets/hook-key')).status).toBe(409);
  });
});

test('a secret that no webhook can sign with is refused, wherever it comes in', async () => {
  const wrong = await world.admin.send('PUT', '/v1/secrets/hook-key', {
    body: { value: 'a password' },
  });
  expect([wrong.status, wrong.body.errors]).toEqual([
    400,
    [{ field: '/value', message: expect.stringMatching(/^webhook \w+ signs with it: .*whsec_…/) }],
  ]);
  await world.admin.send('PUT', '/v1/secrets/other', { body: { value: 'a password' } });
  const url = 'https://hooks.corp.example/';
  const webhooks = [{ name: 'wrong', url, secret: 'other', events: ['token' as const] }];
  await expect(world.configure({ webhooks })).rejects.toThrow(
    /spec.webhooks.0.secret.*not of the form whsec_…/,
  );
});
