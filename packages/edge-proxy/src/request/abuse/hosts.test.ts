import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { protocols } from '../testing/client-h2.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle } from '../testing/oracle.ts';

const apiVersion = 'sallyport.dev/v1' as const;
let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

function route(name: string, match: object, policies: readonly string[], upstream: object = {}) {
  const url = `https://upstream.corp.localhost:${edge.upstream.port}`;
  const spec = {
    match: [match],
    policies,
    upstream: { url, trustBundle: 'upstreams', ...upstream },
  };
  return { apiVersion, kind: 'Route' as const, metadata: { name }, spec: spec as never };
}

/** Takes these routes besides the usual ones, with others around them. */
async function withMany(count: number, ...routes: ReturnType<typeof route>[]): Promise<void> {
  const others = Array.from({ length: count }, (_, at) =>
    route(`other-${at}`, { host: `h${at}.fin.test`, path: '/**' }, ['open']),
  );
  const half = Math.floor(count / 2);
  const documents = testDocuments(edge.pki, edge.upstream.port, [
    {
      apiVersion,
      kind: 'Policy',
      metadata: { name: 'roles' },
      spec: {
        allow: [{ name: 'admins', headers: [{ name: 'x-role', is: ['admin'] }], anonymous: true }],
        deny: [{ name: 'guests', headers: [{ name: 'x-role', is: ['guest'] }] }],
      },
    },
    ...others.slice(0, half),
    ...routes,
    ...others.slice(half),
  ]);
  await edge.apply('config', ...edge.configuration(documents));
}

describe.each(protocols)('a host over %s', (protocol) => {
  let nobody: Oracle;
  beforeAll(async () => {
    nobody = await Oracle.of(edge, 'usr_alice', 'app.fin.test', 'laptop', protocol);
  });

  /** Its status and the route it came to. */
  async function ask(host: string, path = '/x', headers: readonly string[] = []) {
    await edge.settle();
    const { status } = await nobody.call({ host, path, headers, cookie: '' });
    await expect.poll(() => edge.records.all.length).toBe(1);
    return [status, edge.records.all[0]?.route ?? null];
  }

  it('row 66: comes to the same decision among however many others', async () => {
    for (const count of [1, 99, 100, 101, 1_000, 5_000]) {
      await withMany(
        count,
        route('here', { host: 'here.fin.test' }, ['open']),
        route('here-admin', { host: 'here.fin.test', path: '/admin/**' }, ['staff']),
      );
      expect(await ask('here.fin.test')).toEqual([200, 'here']);
      expect(await ask('here.fin.test', '/admin')).toEqual([401, 'here-admin']);
      expect(edge.upstream.bytes).toBe('');
      expect(await ask('h0.fin.test')).toEqual([200, 'other-0']);
      expect(await ask('nowhere.fin.test')).toEqual([404, null]);
      expect(edge.upstream.bytes).toBe('');
    }
  });

  it('row 67: is compared whole', async () => {
    await withMany(
      0,
      route('corp', { host: 'corp.fin.test' }, ['open']),
      route('dash', { host: 'a-b.fin.test' }, ['open']),
    );
    for (const host of ['evilcorp.fin.test', 'xcorp.fin.test', 'corpx.fin.test', 'axb.fin.test']) {
      expect([host, ...(await ask(host))]).toEqual([host, 404, null]);
      expect(edge.upstream.bytes).toBe('');
    }
    expect(await ask('corp.fin.test')).toEqual([200, 'corp']);
    expect(await ask('a-b.fin.test')).toEqual([200, 'dash']);
  });

  it.each([
    [['X-Role: admin'], 200],
    [['X-Role: user', 'X-Role: admin'], 403],
    [['X-Role: admin', 'x-role: user'], 403],
    [['X-Role: user,admin'], 403],
    [['X-Role: admin', 'X-Role: guest'], 403],
    [['X-Role: admin,guest'], 403],
    [['X_Role: admin'], 403],
    [['X-Role: ADMIN'], 403],
    [[], 403],
  ])('row 74: asks of each value of a header, however it was sent: %j', async (headers, status) => {
    await withMany(0, route('roles', { host: 'roles.fin.test' }, ['roles']));
    expect(await ask('roles.fin.test', '/', headers)).toEqual([status, 'roles']);
    expect(edge.upstream.bytes === '').toBe(status !== 200);
  });

  it.each([
    ['/app/a/./b?q=/app', '/v2/a/b?q=/app'],
    ['/x/../app/c', '/v2/c'],
    ['/app', '/v2'],
    ['/app/../admin', null],
    ['/app/..%2fadmin', null],
    ['/app/%2e%2e/admin', null],
    ['/app/%252e%252e/admin', null],
    ['/app//admin', null],
    ['/app%2fadmin', null],
    ['/app;/admin', null],
    ['/application', null],
    ['/APP/admin', null],
  ])(
    'row 63: is asked for a path that was decided on before it was rewritten: %s',
    async (path, asked) => {
      const rewritten = { path: { stripPrefix: '/app', addPrefix: '/v2' } };
      const match = { host: 'moved.fin.test', path: '/app/**' };
      await withMany(0, route('moved', match, ['open'], rewritten));
      const [status] = await ask('moved.fin.test', path);
      expect(edge.upstream.bytes.split(' ')[1] ?? null).toBe(asked);
      expect(status === 200).toBe(asked !== null);
    },
  );
});
