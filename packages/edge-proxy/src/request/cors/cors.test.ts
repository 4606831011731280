import type {
  ConfigurationDocument,
  RouteDocument,
} from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok } from '../testing/recorder.ts';

const portal = 'https://portal.fin.test';
let edge: TestEdge;
let cookie: string;
let documents: ConfigurationDocument[];
beforeAll(async () => {
  edge = await TestEdge.start();
  const route = (
    name: string,
    spec: Partial<RouteDocument['spec']> = {},
  ): ConfigurationDocument => ({
    apiVersion: 'sallyport.dev/v1',
    kind: 'Route',
    metadata: { name },
    spec: {
      match: [{ host: `${name}.fin.test` }],
      policies: ['staff'],
      upstream: {
        url: `https://upstream.corp.localhost:${edge.upstream.port}`,
        trustBundle: 'upstreams',
      },
      ...spec,
    },
  });
  documents = [
    route('api', {
      match: [{ host: 'api.fin.test', methods: ['GET', 'PUT', 'OPTIONS'] }],
      cors: {
        allowOrigins: [portal],
        allowMethods: ['GET', 'PUT', 'DELETE'],
        allowHeaders: ['Content-Type', 'X-Csrf'],
        exposeHeaders: ['X-Total', 'Sallyport-Request-Id'],
        allowCredentials: true,
        maxAge: '5m',
      },
    }),
    route('public', { policies: ['open'], cors: { allowOrigins: ['*'] } }),
    route('own-preflights', { policies: ['staff', 'preflights'] }),
    {
      apiVersion: 'sallyport.dev/v1',
      kind: 'Policy',
      metadata: { name: 'preflights' },
      spec: { allow: [{ name: 'any', anonymous: true, methods: ['OPTIONS'] }] },
    },
  ];
  await edge.configure(...documents);
  cookie = await edge.session('usr_alice', 'dev_laptop', 'api.fin.test');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

const asks = (origin: string, method: string, ...headers: string[]): string[] => [
  `Origin: ${origin}`,
  `Access-Control-Request-Method: ${method}`,
  ...headers.map((names) => `Access-Control-Request-Headers: ${names}`),
];
const preflight = (host: string, headers: readonly string[], body?: string) =>
  call(edge, {
    host,
    method: 'OPTIONS',
    device: null,
    headers,
    ...(body === undefined ? {} : { body }),
  });

describe('a preflight (row 97)', () => {
  it('of a route with cors is answered by its rule, without anybody’s identity and not forwarded', async () => {
    const response = await preflight('api.fin.test', asks(portal, 'PUT', 'content-type,x-csrf'));
    expect(response.status).toBe(204);
    expect(
      response.headers.filter(([name]) => /^(access-control-|vary|content)/.test(name)),
    ).toEqual([
      ['access-control-allow-origin', portal],
      ['access-control-allow-methods', 'GET, PUT, DELETE'],
      ['access-control-max-age', '300'],
      ['vary', 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers'],
      ['access-control-allow-headers', 'content-type, x-csrf'],
      ['access-control-allow-credentials', 'true'],
    ]);
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      outcome: 'own',
      reasons: ['preflight_answered'],
      status: 204,
      userId: null,
    });
  });

  it.each([
    ['another origin', asks('https://evil.test', 'PUT')],
    ['no origin at all', asks('null', 'PUT')],
    ['an origin that only begins so', asks(`${portal}.evil.test`, 'PUT')],
    ['a method that the rule does not name', asks(portal, 'OPTIONS')],
    ['a method that the route does not take', asks(portal, 'DELETE')],
    ['a method in another case', asks(portal, 'put')],
    ['a header that the rule does not name', asks(portal, 'PUT', 'x-csrf', 'x-evil')],
  ])('is refused for %s', async (_what, headers) => {
    const response = await preflight('api.fin.test', headers);
    expect([response.status, response.body.includes('preflight_refused')]).toEqual([403, true]);
    expect(response.header('access-control-allow-origin')).toBeUndefined();
    expect(edge.upstream.bytes).toBe('');
  });

  it('lets nothing through that comes with it: neither a body nor a claim of who asks', async () => {
    const headers = [...asks(portal, 'PUT'), 'Sallyport-Assertion: forged', 'Remote-User: root'];
    expect((await preflight('api.fin.test', headers, 'body')).status).toBe(204);
    const signedIn = await call(edge, {
      host: 'api.fin.test',
      method: 'OPTIONS',
      cookie,
      headers,
      body: 'body',
    });
    expect([signedIn.status, signedIn.all('set-cookie')]).toEqual([204, []]);
    expect(edge.upstream.bytes).toBe('');
  });

  it('is counted by the limits of addresses, as what it asks for is', async () => {
    const each = { name: 'each', per: 'address', requests: 2, window: '1h' } as const;
    const limited = testDocuments(edge.pki, edge.upstream.port, documents).map((document) =>
      document.kind === 'Settings'
        ? { ...document, spec: { ...document.spec, rateLimits: [each] } }
        : document,
    );
    await edge.apply('config', ...edge.configuration(limited));
    const statuses: number[] = [];
    for (let count = 0; count < 3; count += 1) {
      statuses.push((await preflight('api.fin.test', asks(portal, 'PUT'))).status);
    }
    await edge.configure(...documents);
    expect(statuses).toEqual([204, 204, 429]);
    await expect.poll(() => edge.records.all.at(-1)?.reasons).toEqual(['rate_limited']);
  });

  it('opens nothing: what comes after it is decided on, and refused in a lockdown', async () => {
    const everyone = { revocationId: 'rev_cors', kind: 'everyone', subjectId: '' } as const;
    await edge.apply('revoke', { op: 'block', expiresAtMs: null, ...everyone });
    const asked = await preflight('api.fin.test', asks(portal, 'PUT'));
    const headers = [`Origin: ${portal}`];
    const refused = await call(edge, { host: 'api.fin.test', method: 'PUT', cookie, headers });
    await edge.apply('revoke', { op: 'lifted_block', ...everyone });
    expect([asked.status, refused.status]).toEqual([204, 403]);
    expect(refused.body).toContain('lockdown');
    // The page that may ask may also read why it got nothing.
    expect(refused.header('access-control-allow-origin')).toBe(portal);
    expect(edge.upstream.bytes).toBe('');
  });

  it('of a route without cors is decided on like any request, and its own rule may let it pass', async () => {
    const headers = [...asks(portal, 'PUT'), 'Sallyport-Assertion: forged'];
    expect((await preflight('reports.fin.test', headers)).status).not.toBe(200);
    expect(edge.upstream.bytes).toBe('');
    expect((await preflight('own-preflights.fin.test', headers)).status).toBe(200);
    expect(edge.upstream.bytes).toContain('OPTIONS / ');
    expect(edge.upstream.bytes).not.toMatch(/assertion|forged/i);
  });

  it.each([
    ['no origin', ['Access-Control-Request-Method: PUT']],
    ['no method asked for', [`Origin: ${portal}`]],
    ['two methods asked for', [...asks(portal, 'PUT'), 'Access-Control-Request-Method: GET']],
  ])('is none with %s', async (_what, headers) => {
    const response = await preflight('api.fin.test', headers);
    expect(response.status).toBe(403);
    expect(response.body).toContain('device_certificate_missing');
    expect(edge.upstream.bytes).toBe('');
  });

  it('is not answered for paths of the edge itself', async () => {
    const response = await call(edge, {
      host: 'api.fin.test',
      path: '/.well-known/sallyport/sign-out',
      method: 'OPTIONS',
      headers: asks(portal, 'PUT'),
    });
    expect(response.status).toBe(405);
  });
});

describe('a response to a page of another origin', () => {
  const upstreamSays = () => {
    edge.upstream.script = () =>
      [
        'HTTP/1.1 200 OK',
        'Access-Control-Allow-Origin: *',
        'access_control_allow_credentials: true',
        'Access-Control-Allow-Private-Network: true',
        'Vary: Accept',
        'X-Total: 7',
        'Content-Length: 2',
        '',
        'hi',
      ].join('\r\n');
  };
  const said = async (host: string, headers: readonly string[], as = cookie) => {
    const response = await call(edge, { host, headers, cookie: as });
    return response.headers
      .filter(([name]) => /^(access|vary)/.test(name))
      .map(([name, value]) => `${name}: ${value}`);
  };

  it('says what the rule says, and nothing of what the upstream says of it', async () => {
    upstreamSays();
    expect(await said('api.fin.test', [`Origin: ${portal}`])).toEqual([
      'vary: Accept',
      'vary: Origin',
      `access-control-allow-origin: ${portal}`,
      'access-control-allow-credentials: true',
      'access-control-expose-headers: X-Total, Sallyport-Request-Id',
    ]);
    for (const headers of [[], ['Origin: https://evil.test'], ['Origin: null']]) {
      expect(await said('api.fin.test', headers)).toEqual(['vary: Accept', 'vary: Origin']);
    }
  });

  it('never has credentials for any origin', async () => {
    upstreamSays();
    expect(await said('public.fin.test', ['Origin: https://anybody.test'])).toEqual([
      'vary: Accept',
      'access-control-allow-origin: *',
    ]);
  });

  it('passes as it is without a rule', async () => {
    upstreamSays();
    const session = await edge.session('usr_alice', 'dev_laptop', 'reports.fin.test');
    expect(await said('reports.fin.test', [`Origin: ${portal}`], session)).toContain(
      'access-control-allow-origin: *',
    );
  });

  it('lets that page read why it was refused, and no other', async () => {
    const refused = async (origin: string) =>
      call(edge, { host: 'api.fin.test', headers: [`Origin: ${origin}`] });
    const response = await refused(portal);
    expect([response.status, response.header('access-control-allow-origin')]).toEqual([
      401,
      portal,
    ]);
    expect((await refused('https://evil.test')).header('access-control-allow-origin')).toBe(
      undefined,
    );
    expect(edge.upstream.bytes).toBe('');
  });
});
