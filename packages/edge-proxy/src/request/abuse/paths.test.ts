import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, withRoutes } from '../testing/oracle.ts';

const host = 'files.fin.test';
let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
  await withRoutes(
    edge,
    { name: 'files-public', match: [{ host, path: '/pub/**' }], policies: ['open'] },
    { name: 'files-health', match: [{ host, path: '/healthz' }], policies: ['open'] },
    { name: 'files-admin', match: [{ host, path: '/admin/**' }], policies: ['admins'] },
  );
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

/** She may read what is public, and nothing below `/admin`. */
let alice: Oracle;
/** He may do both. */
let adam: Oracle;

/** What is asked for, as the upstream saw it; empty: it saw nothing. */
function forwarded(): string {
  return edge.upstream.bytes.split(' ')[1] ?? '';
}

/** One request: its status, and the path that was decided on, wherever that is told. */
async function ask(by: Oracle, path: string, ...headers: string[]): Promise<[number, string]> {
  await edge.settle();
  const { status } = await by.call({ path, headers });
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [record] = edge.records.all;
  const decidedOn = record?.facts?.request.path ?? '';
  if (decidedOn !== '') expect(record?.path).toBe(decidedOn);
  return [status, decidedOn];
}

describe.each(protocols)('a path over %s', (protocol) => {
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', host, 'laptop', protocol);
    adam = await Oracle.of(edge, 'usr_adam', host, 'laptop', protocol);
  });

  it.each([
    [51, '/pub/../../admin'],
    [51, '/..'],
    [51, '/%2e%2e/admin'],
    [52, '/pub%2f..%2fadmin'],
    [52, '/pub%2F..%2Fadmin'],
    [52, '/admin%2fx'],
    [52, '/admin%2Fx'],
    [52, '/pub/..%5cadmin'],
    [52, '/pub/..\\admin'],
    [53, '/pub/%252e%252e/admin'],
    [53, '/pub/%252e%252e%252fadmin'],
    [53, '/pub/%25%32%66admin'],
    [53, '/pub/%25252e/admin'],
    [57, '/pub/..;/admin'],
    [57, '/pub;/../admin'],
    [57, '/admin;x=1'],
    [57, '/admin%3bx=1'],
    [58, '/pub/x%00'],
    [58, '/pub/x%00.txt'],
    [58, '/pub/%09x'],
    [58, '/pub/%0d%0ax'],
    [58, '/pub/%c0%ae%c0%ae/admin'],
    [58, '/pub/%ff'],
    [58, '/pub/%ed%a0%80'],
    [58, '/pub/%u002e%u002e/admin'],
    [58, '/pub/100%'],
    [58, '/pub/\xe9'],
    [60, '/admin%20'],
    [60, '/admin.'],
    [60, '/admin./x'],
    [60, '/admin::$DATA'],
    [60, '/admin%3A:%24DATA'],
    [61, '/pub/#/../admin'],
    [64, '/.well-known/acme-challenge/../../../admin'],
    [64, '/.well-known/sallyport%2fjwks.json'],
  ])('row %d: is refused where it could be read in two ways: %s', async (_row, path) => {
    for (const by of [alice, adam]) {
      expect(await ask(by, path)).toEqual([400, '']);
      expect(forwarded()).toBe('');
      expect(edge.records.all[0]).toMatchObject({ outcome: 'refused', status: 400 });
    }
  });

  it.each([
    [51, '/pub/../admin', '/admin'],
    [51, '/pub/%2e%2e/admin', '/admin'],
    [51, '/pub/.%2e/admin', '/admin'],
    [51, '/pub/%2E./admin', '/admin'],
    [51, '/./admin', '/admin'],
    [51, '/pub/x/../../admin/keys', '/admin/keys'],
    [51, '/%61dmin/%6beys', '/admin/keys'],
    [60, '/admin/', '/admin/'],
    [60, '/admin/.', '/admin/'],
    [60, '/admin/x/..', '/admin/'],
    [61, '/admin?x=/pub/', '/admin'],
    [61, '/admin?/../../pub/', '/admin'],
    [64, '/healthz/../admin', '/admin'],
    [64, '/.well-known/acme-challenge/../../admin', '/admin'],
    [64, '/.well-known/sallyport/../../admin', '/admin'],
  ])('row %d: is decided on in the form that is forwarded: %s', async (_row, path, canonical) => {
    const [sentPath = '', query] = path.split(/(?=\?)/);
    expect(await ask(alice, path)).toEqual([403, canonical]);
    expect(forwarded()).toBe('');
    expect(edge.records.all[0]).toMatchObject({ route: 'files-admin', outcome: 'deny' });
    expect(await ask(adam, path)).toEqual([200, canonical]);
    expect(forwarded()).toBe(canonical + (query ?? ''));
    // Other spellings of it are not other paths for those who may come in.
    expect(sentPath === canonical || !edge.upstream.bytes.includes(sentPath)).toBe(true);
  });

  it.each([
    [59, '/ADMIN', '/ADMIN'],
    [59, '/Admin/keys', '/Admin/keys'],
    [61, '/admin%3f/pub/', '/admin%3F/pub/'],
    [62, '/%e2%84%aa', '/%E2%84%AA'],
    [62, '/pub%e2%88%95admin', '/pub%E2%88%95admin'],
    [62, '/%ef%bc%8fadmin', '/%EF%BC%8Fadmin'],
    [64, '/healthz/x', '/healthz/x'],
    [67, '/administrator', '/administrator'],
    [67, '/public', '/public'],
  ])('row %d: has no route where no rule names it: %s', async (_row, path, canonical) => {
    for (const by of [alice, adam]) {
      expect(await ask(by, path)).toEqual([404, canonical]);
      expect(forwarded()).toBe('');
      expect(edge.records.all[0]?.reasons).toEqual(['route_unknown']);
    }
  });

  it.each([
    ['a full-width slash', '/pub/..%EF%BC%8Fadmin'],
    ['full-width dots', '/pub/%EF%BC%8E%EF%BC%8E/admin'],
    ['a division slash', '/pub/x%E2%88%95..%E2%88%95admin'],
    ['the Kelvin sign', '/pub/%E2%84%AA'],
  ])('row 62: keeps letters that only look like others: %s', async (_name, path) => {
    expect(await ask(alice, path)).toEqual([200, path]);
    expect(forwarded()).toBe(path);
  });

  it('row 61: is decided on without its query, which is forwarded as it came', async () => {
    for (const query of ['?/admin', '?x=%2e%2e/&y=%00', '??', '?x=/../../admin']) {
      expect(await ask(alice, `/pub/x${query}`)).toEqual([200, '/pub/x']);
      expect(forwarded()).toBe(`/pub/x${query}`);
    }
  });

  it.each([
    ['User-Agent: kube-probe/1.29'],
    ['User-Agent: GoogleHC/1.0'],
    ['User-Agent: ELB-HealthChecker/2.0'],
    ['X-Original-URL: /pub/x'],
    ['X-Rewrite-URL: /pub/x'],
    ['X-Forwarded-Uri: /pub/x'],
    ['X-HTTP-Method-Override: OPTIONS'],
    ['Sec-Purpose: prefetch'],
  ])('row 64: is opened by no header: %s', async (header) => {
    expect(await ask(alice, '/admin', header)).toEqual([403, '/admin']);
    expect(forwarded()).toBe('');
  });

  it('row 64: is one of ours in one spelling alone, and nothing beside it is', async () => {
    const own = '/.well-known/sallyport';
    for (const [path, status] of [
      [`${own}/jwks.json`, 200],
      [`/pub/..${own}/jwks.json`, 200],
      [`${own}/%6awks.json`, 200],
      [`${own}/JWKS.json`, 404],
      [`${own}/jwks.json/`, 404],
      [`${own}/jwks.jsonx`, 404],
      [`${own}x/jwks.json`, 404],
      [own, 404],
    ] as const) {
      const response = await alice.call({ path });
      expect([path, response.status]).toEqual([path, status]);
    }
    expect(edge.upstream.bytes).toBe('');
  });
});
