import type {
  ConfigurationDocument,
  RouteDocument,
} from '@sallyport/shared/configuration/documents';
import { AggregatorRegistry, Registry } from 'prom-client';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createHeaderSizes } from '../worker/header-sizes.ts';
import { headerExcess } from './header-excess.ts';
import { call } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  const route = (
    name: string,
    headerLimits: RouteDocument['spec']['headerLimits'],
  ): ConfigurationDocument => ({
    apiVersion: 'sallyport.dev/v1',
    kind: 'Route',
    metadata: { name },
    spec: {
      match: [{ host: `${name}.fin.test` }],
      policies: ['open'],
      upstream: {
        url: `https://upstream.corp.localhost:${edge.upstream.port}`,
        trustBundle: 'upstreams',
      },
      ...(headerLimits === undefined ? {} : { headerLimits }),
    },
  });
  await edge.configure(
    route('wide', undefined),
    route('small', { bytesMax: 4_096, cookieBytesMax: 2_000 }),
    route('watched', { bytesMax: 4_096, cookieBytesMax: 2_000, audit: true }),
  );
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.large.length = 0;
});

interface Problem {
  readonly code: string;
  readonly detail: string;
  readonly excess: {
    readonly bytes: number;
    readonly limit: number;
    readonly largest: { readonly header: string; readonly bytes: number };
    readonly cookies: { readonly name: string; readonly bytes: number } | null;
  };
}

async function refused(host: string, headers: readonly string[], path = '/'): Promise<Problem> {
  const response = await call(edge, { host, headers, path, device: null });
  expect([response.status, edge.upstream.bytes]).toEqual([431, '']);
  return JSON.parse(response.body) as Problem;
}

const unusual = 'a header of an unusual name';

describe('headers that are too large', () => {
  it('are refused with the size of all, and of the largest by its name', async () => {
    const [small, large] = ['s'.repeat(5_000), 'l'.repeat(12_000)];
    const problem = await refused('wide.fin.test', [
      `referer: ${small}`,
      `AUTHORIZATION: Bearer ${large}`,
    ]);
    expect(problem).toMatchObject({
      code: 'headers_too_large',
      excess: { limit: 16_384, largest: { header: 'Authorization', bytes: 12_020 } },
    });
    expect(problem.excess.bytes).toBeGreaterThan(17_020);
    expect(problem.detail).toContain('16,384');
    expect(problem.detail).toContain(
      'The largest of them is the header Authorization, with 12,020 bytes.',
    );
  });

  it.each([
    ['of a name that nobody knows', [`X-Evil-Name: ${'x'.repeat(17_000)}`], '/', unusual],
    ['of a name like a known one', [`Cookie_: ${'x'.repeat(17_000)}`], '/', unusual],
    ['in the address', [], `/?q=${'x'.repeat(17_000)}`, 'the address'],
    ['of an older proxy', [`X_Amzn_Oidc_Data: ${'x'.repeat(17_000)}`], '/', 'x-amzn-oidc-data'],
  ])('are never named as a client spelt them: %s', async (_what, headers, path, named) => {
    const { excess } = await refused('wide.fin.test', headers, path);
    expect(excess.largest.header).toBe(named);
  });

  it('are shown on a page, which repeats nothing either', async () => {
    const response = await call(edge, {
      host: 'wide.fin.test',
      page: true,
      headers: [`X-Evil-Name: evil-value${'x'.repeat(17_000)}`],
    });
    expect(response.status).toBe(431);
    expect(response.header('content-type')).toContain('text/html');
    expect(response.body).toContain(`The largest of them is ${unusual}, with 17,021 bytes.`);
    expect(response.body).not.toMatch(/evil/i);
    expect(response.body).not.toContain('Delete the cookies');
    expect(response.body).toContain('Deleting cookies would not help.');
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      outcome: 'refused',
      reasons: ['headers_too_large'],
    });
  });
});

describe('cookies that are too large', () => {
  it('are refused by their own limit, and those of an older proxy are named', async () => {
    const old = `_oauth2_proxy_0=${'x'.repeat(3_000)}; __Host-_oauth2_proxy_1=${'x'.repeat(3_000)}`;
    const problem = await refused('wide.fin.test', [
      `Cookie: evil=${'x'.repeat(2_500)}; ${old}; SMSESSION=short`,
    ]);
    expect(problem).toMatchObject({
      code: 'cookies_too_large',
      excess: { limit: 8_192, largest: { header: 'Cookie' }, cookies: { name: '_oauth2_proxy' } },
    });
    expect(problem.excess.cookies?.bytes).toBeGreaterThan(6_000);
    expect(problem.detail).toContain('_oauth2_proxy');
    expect(JSON.stringify(problem)).not.toContain('evil');
  });

  it('pass up to the limit', async () => {
    const cookie = `a=${'x'.repeat(8_190)}`;
    expect((await call(edge, { host: 'wide.fin.test', cookie })).status).toBe(200);
    expect((await call(edge, { host: 'wide.fin.test', cookie: `${cookie}y` })).status).toBe(431);
  });
});

describe('limits of a route', () => {
  const cookie = (length: number) => `a=${'x'.repeat(length - 2)}`;

  it('hold for it alone, once a request is permitted', async () => {
    const problem = await refused('small.fin.test', [`Cookie: ${cookie(2_001)}`]);
    expect(problem).toMatchObject({
      code: 'cookies_too_large',
      excess: { bytes: 2_001, limit: 2_000 },
    });
    const headers = await refused('small.fin.test', [`Referer: ${'x'.repeat(4_096)}`]);
    expect(headers).toMatchObject({ code: 'headers_too_large', excess: { limit: 4_096 } });
    const other = await call(edge, { host: 'wide.fin.test', cookie: cookie(2_001) });
    expect(other.status).toBe(200);
    expect(edge.large).toEqual(['small cookies over', 'small headers over']);
  });

  it('are only counted in audit, also where they are near', async () => {
    for (const length of [1_600, 1_601, 2_001]) {
      const response = await call(edge, { host: 'watched.fin.test', cookie: cookie(length) });
      expect(response.status).toBe(200);
    }
    expect(edge.large).toEqual(['watched cookies near', 'watched cookies over']);
    await expect.poll(() => edge.records.all.length).toBe(3);
    const limit = 2_000;
    expect(edge.records.all.map(({ largeHeaders }) => largeHeaders)).toEqual([
      [],
      [{ what: 'cookies', bytes: 1_601, limit }],
      [{ what: 'cookies', bytes: 2_001, limit }],
    ]);
  });

  it('are in the record of who was refused for them, and of nobody without a permit', async () => {
    const headers = [`Cookie: ${cookie(2_001)}`];
    await refused('small.fin.test', headers);
    expect((await call(edge, { host: 'app.corp.test', headers })).status).toBe(401);
    await expect.poll(() => edge.records.all.length).toBe(2);
    expect(edge.records.all.map(({ route, largeHeaders }) => [route, largeHeaders])).toEqual([
      ['small', [{ what: 'cookies', bytes: 2_001, limit: 2_000 }]],
      ['app', []],
    ]);
  });
});

describe('sizes of headers', () => {
  it('are counted by route, and no further than that can be read', async () => {
    const registry = new Registry();
    const sizes = createHeaderSizes([registry]);
    sizes.seen(700, 0);
    sizes.seen(9_000, 5_000);
    for (let index = 0; index < 201; index += 1) sizes.large(`route-${index}`, 'cookies', 'near');
    // As the main thread says it.
    const own = await registry.getMetricsAsJSON();
    const text = await AggregatorRegistry.aggregate([own]).metrics();
    expect(text).toContain('sallyport_edge_header_bytes_bucket{le="8192"} 1');
    expect(text).toContain('sallyport_edge_cookie_bytes_count 1');
    expect(text).toContain(
      'sallyport_edge_headers_near_limit_total{route="route-7",what="cookies",level="near"} 1',
    );
    expect(text).toContain(
      'sallyport_edge_headers_near_limit_total{route="other",what="cookies",level="near"} 1',
    );
  });

  it('are right where nothing is too large', () => {
    const limits = { bytesMax: 1_000, cookieBytesMax: 10 };
    expect(headerExcess('/', ['Cookie', 'a=12345678'], limits)).toBeNull();
    expect(headerExcess('/', ['Cookie', 'a=1', 'cookie', 'b=2345'], limits)).toMatchObject({
      code: 'cookies_too_large',
      bytes: 11,
    });
  });
});
