import { apiVersion, type RouteDocument } from '@sallyport/shared/configuration/documents';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';

const always = 'always.fin.test';
const hourMs = 3_600_000;

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  const route = (
    name: string,
    policy: string,
    staleness: NonNullable<RouteDocument['spec']['staleness']>,
  ): RouteDocument => ({
    apiVersion,
    kind: 'Route',
    metadata: { name },
    spec: {
      match: [{ host: `${name}.fin.test` }],
      policies: [policy],
      upstream: { url: 'https://upstream.corp.localhost', trustBundle: 'upstreams' },
      staleness,
    },
  });
  edge = await TestEdge.start({
    documents: [
      route('always', 'open', { revoke: 'serve', config: 'serve', directory: 'serve' }),
      route('short', 'staff', { revoke: { stepUpAfter: '5s' } }),
    ],
  });
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test', {
    authenticatedAtMs: Date.now() - hourMs,
  });
});
afterAll(() => edge.stop());
afterEach(() => {
  for (const lane of ['revoke', 'config', 'directory', 'signals'] as const) edge.hear(lane);
});

const ask = (more: Parameters<typeof call>[1] = {}) =>
  call(edge, { device: edge.laptop, cookie, ...more });

describe('a request while nothing is heard', () => {
  it('is served while the state is fresh enough, and the record tells its age', async () => {
    edge.hear('revoke', 60_000);
    edge.records.all.length = 0;
    expect((await ask()).status).toBe(200);
    await expect.poll(() => edge.records.all.length).toBe(1);
    const { staleness } = edge.records.all[0]?.facts ?? {};
    expect(staleness?.revokeMs).toBeGreaterThanOrEqual(60_000);
    expect(staleness?.directoryMs).toBeLessThan(60_000);
  });

  it('asks a script to confirm, with the age that would do', async () => {
    edge.hear('revoke', 130_000);
    const response = await ask();
    expect([response.status, JSON.parse(response.body)]).toMatchObject([
      401,
      { code: 'state_stale', title: 'Please confirm that it is you' },
    ]);
    expect(response.header('www-authenticate')).toMatch(
      /error="insufficient_user_authentication".*max_age="13[0-9]"/,
    );
  });

  it('sends a browser to confirm, and lets it pass then', async () => {
    edge.hear('revoke', 130_000);
    const response = await ask({ page: true });
    expect([response.status, response.header('location')]).toEqual([
      302,
      expect.stringMatching(/^https:\/\/signin\.corp\.test.*&step_up=1$/),
    ]);
    const confirmed = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test', {
      authenticatedAtMs: Date.now() - 1_000,
    });
    expect((await ask({ cookie: confirmed })).status).toBe(200);
  });

  it('sends to confirm also who has signed in a moment before the last news', async () => {
    const short = await edge.session('usr_alice', 'dev_laptop', 'short.fin.test', {
      authenticatedAtMs: Date.now() - 10_000,
    });
    edge.hear('revoke', 6_000);
    const response = await ask({ host: 'short.fin.test', cookie: short, page: true });
    expect([response.status, response.header('location')]).toEqual([
      302,
      expect.stringContaining('step_up=1'),
    ]);
  });

  it('lets nobody new in when the state is too old for that', async () => {
    edge.hear('config', 12 * hourMs);
    expect((await ask()).status).toBe(200);
    const fresh = await call(edge, { device: edge.laptop, page: true });
    expect([fresh.status, fresh.header('location')]).toEqual([503, undefined]);
    expect(fresh.body).toContain('state_too_old');
  });

  it.each([
    ['a lane too old for all', 'revoke', hourMs],
    ['a lane that was never whole', 'directory', null],
  ] as const)(
    'lets nobody in with %s: a page for a browser, a problem for a script',
    async (...[, lane, agoMs]) => {
      edge.hear(lane, agoMs);
      const page = await ask({ page: true });
      expect([page.status, page.header('retry-after')]).toEqual([503, '30']);
      expect(page.body).toContain('<h1>Closed for the moment</h1>');
      expect(page.body).toContain('has had no news for too long');
      expect(page.body).toContain('Try again');
      expect(page.body).not.toContain('sign-out');
      const script = await ask();
      expect([script.status, script.header('retry-after')]).toEqual([503, '30']);
      expect(JSON.parse(script.body)).toMatchObject({
        type: 'https://sallyport.dev/problems/state_too_old',
        status: 503,
        reasons: ['state_too_old'],
      });
    },
  );

  it('closes also what is open to all', async () => {
    edge.hear('revoke', hourMs);
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(503);
  });

  it('is not noticed where serve is written', async () => {
    for (const lane of ['revoke', 'config', 'directory'] as const) edge.hear(lane, null);
    edge.upstream.forget();
    const response = await call(edge, { host: always });
    // Permitted: what stands behind it is another question.
    expect(response.body).toContain('upstream_unreachable');
  });

  it('is over as soon as something is heard', async () => {
    edge.hear('revoke', 2 * hourMs);
    expect((await ask()).status).toBe(503);
    edge.hear('revoke');
    expect((await ask()).status).toBe(200);
  });
});
