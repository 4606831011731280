import type {
  ConfigurationDocument,
  RouteDocument,
} from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok } from '../testing/recorder.ts';

const policy = (name: string, site: string): ConfigurationDocument => ({
  apiVersion: 'sallyport.dev/v1',
  kind: 'Policy',
  metadata: { name },
  spec: { allow: [{ name: 'from', anonymous: true, headers: [{ name: 'x-site', is: [site] }] }] },
});
const route = (name: string, spec: Partial<RouteDocument['spec']>): ConfigurationDocument => ({
  apiVersion: 'sallyport.dev/v1',
  kind: 'Route',
  metadata: { name },
  spec: {
    match: [{ host: `${name}.fin.test` }],
    policies: ['open'],
    upstream: { url: 'https://upstream.corp.localhost', trustBundle: 'upstreams' },
    headers: {
      request: {
        set: [
          { name: 'X-Site', value: 'set by the route' },
          { name: 'Accept-Encoding', value: 'identity' },
        ],
        remove: ['X-Debug', 'Origin'],
      },
      response: {
        set: [{ name: 'Content-Security-Policy', value: "default-src 'self'" }],
        remove: ['Server', 'X-Powered-By'],
      },
    },
    ...spec,
  },
});

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  const upstream = {
    url: `https://upstream.corp.localhost:${edge.upstream.port}`,
    trustBundle: 'upstreams',
  };
  await edge.configure(
    policy('from-client', 'client'),
    policy('from-route', 'set by the route'),
    route('edited', { upstream }),
    route('untraced', { upstream, headers: { request: { remove: ['Tracestate'] } } }),
    route('traced', {
      upstream,
      headers: { request: { set: [{ name: 'Tracestate', value: 'route=1' }] } },
    }),
    route('as-sent', { upstream, policies: ['from-client'] }),
    route('as-set', { upstream, policies: ['from-route'] }),
  );
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

describe('header edits of a route', () => {
  it('reach the upstream in the place of what was sent, whatever its spelling', async () => {
    const headers = [
      'X-Site: client',
      'x_site: client',
      'X-DEBUG: 1',
      'x.debug: 2',
      'Origin: https://edited.fin.test',
      'Accept-Encoding: gzip',
      'X-Kept: yes',
    ];
    expect((await call(edge, { host: 'edited.fin.test', headers })).status).toBe(200);
    const { bytes } = edge.upstream;
    expect(bytes.match(/^x.site:.*$/gim)?.map((line) => line.trimEnd())).toEqual([
      'X-Site: set by the route',
    ]);
    expect(bytes.match(/^accept-encoding:.*$/gim)?.map((line) => line.trimEnd())).toEqual([
      'Accept-Encoding: identity',
    ]);
    expect(bytes).not.toMatch(/^(x.debug|origin):/im);
    expect(bytes).toMatch(/^X-Kept: yes\r$/m);
  });

  it('reach the client in the place of what the upstream sent', async () => {
    edge.upstream.script = () =>
      [
        'HTTP/1.1 200 OK',
        'server: Apache/2.2',
        'X_Powered_By: PHP/5',
        'content-security-policy: script-src *',
        'Content-Security-Policy: default-src *',
        'X-Kept: yes',
        'Content-Length: 2',
        '',
        'hi',
      ].join('\r\n');
    const response = await call(edge, { host: 'edited.fin.test' });
    expect(response.all('content-security-policy')).toEqual(["default-src 'self'"]);
    expect(response.header('x-kept')).toBe('yes');
    for (const name of ['server', 'x_powered_by', 'x-powered-by']) {
      expect(response.header(name)).toBeUndefined();
    }
    expect([response.body, response.all('sallyport-request-id').length]).toEqual(['hi', 1]);
  });

  it('are for tracestate too, which the edge passes on itself', async () => {
    const headers = [
      'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      'tracestate: client=1',
    ];
    const sent = async (host: string) => {
      edge.upstream.forget();
      expect((await call(edge, { host, headers })).status).toBe(200);
      return edge.upstream.bytes.match(/^tracestate:.*$/gim)?.map((line) => line.trimEnd());
    };
    expect(await sent('edited.fin.test')).toEqual(['tracestate: client=1']);
    expect(await sent('untraced.fin.test')).toBeUndefined();
    expect(await sent('traced.fin.test')).toEqual(['Tracestate: route=1']);
  });

  it('are no facts: rules see what the client sent', async () => {
    const headers = ['X-Site: client'];
    expect((await call(edge, { host: 'as-sent.fin.test', headers })).status).toBe(200);
    expect((await call(edge, { host: 'as-sent.fin.test' })).status).not.toBe(200);
    expect((await call(edge, { host: 'as-set.fin.test', headers })).status).not.toBe(200);
    expect((await call(edge, { host: 'as-set.fin.test' })).status).not.toBe(200);
  });

  it('hold for the route alone', async () => {
    await call(edge, { host: 'pub.corp.test', headers: ['X-Debug: 1'] });
    expect(edge.upstream.bytes).toMatch(/^X-Debug: 1\r$/m);
    expect(edge.upstream.bytes).not.toContain('set by the route');
  });
});
