import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callOver, protocols } from './testing/client-h2.ts';
import { TestEdge } from './testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: string;
  readonly correlationId: string;
  readonly reasons: readonly string[];
}

describe.each(protocols)('an answer of the edge over %s', (protocol) => {
  const call = callOver[protocol];

  it('is a page for a browser: what happened, why, what to do, and a reference', async () => {
    const response = await call(edge, { device: edge.stranger, page: true });
    expect([response.status, response.header('content-type')]).toEqual([
      403,
      'text/html; charset=utf-8',
    ]);
    expect(response.body).toContain('This device is not enrolled.');
    expect(response.body).toContain('Ask your IT team to enrol it.');
    expect(response.header('cross-origin-opener-policy')).toBe('same-origin');
    const id = response.header('sallyport-request-id') ?? '';
    expect(id).toMatch(/^req_[0-9a-z]{26}$/);
    expect(response.body).toContain(id);
    expect(response.body).toMatch(/<dd>20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC<\/dd>/);
    expect(response.body).not.toMatch(/<script|<img|<link|https?:\/\//i);
  });

  it('is a problem document for everything else', async () => {
    const response = await call(edge, { device: edge.stranger });
    expect(response.header('content-type')).toBe('application/problem+json');
    const problem = JSON.parse(response.body) as Problem;
    expect(problem).toEqual({
      type: 'https://sallyport.dev/problems/device_unknown',
      title: 'Access refused',
      status: 403,
      detail: 'This device is not enrolled.',
      code: 'device_unknown',
      correlationId: response.header('sallyport-request-id'),
      reasons: ['device_unknown'],
    });
  });

  it('is not kept, not sniffed, not framed, runs nothing and names no software (rows 98, 146, 147)', async () => {
    for (const page of [true, false]) {
      const response = await call(edge, { device: edge.stranger, page });
      expect(response.header('cache-control')).toBe('no-store');
      expect(response.header('x-content-type-options')).toBe('nosniff');
      expect(response.header('referrer-policy')).toBe('same-origin');
      expect(response.header('server')).toBeUndefined();
      expect(response.header('x-powered-by')).toBeUndefined();
      expect(response.header('content-security-policy') ?? '').not.toMatch(/unsafe|\*|https?:/);
      expect(response.body).not.toMatch(/node|undici|localhost|\.ts\b| at /i);
    }
  });

  it('repeats nothing of the request but its host', async () => {
    const evil = '"><svg onload=alert(1)>';
    const response = await call(edge, {
      device: edge.stranger,
      page: true,
      path: `/${encodeURIComponent(evil)}?q=${evil.replaceAll(' ', '')}`,
      headers: [`User-Agent: ${evil}`, `Referer: ${evil}`, `X-Request-Id: ${evil}`],
    });
    expect(response.status).toBe(403);
    expect(response.body).not.toMatch(/svg|onload|alert/);
    expect(response.headers.flat().join('\n')).not.toMatch(/svg|onload|alert/);
  });

  it('says 404 where there is no application, and 405 with Allow where only the method is wrong', async () => {
    const none = await call(edge, { host: 'www.fin.test' });
    expect([none.status, none.body.includes('route_unknown')]).toEqual([404, true]);
    const method = await call(edge, { host: 'reader.corp.test', method: 'DELETE' });
    expect([method.status, method.header('allow')]).toEqual([405, 'GET, HEAD']);
  });

  it('offers to sign out where a session is in the way', async () => {
    const cookie = await edge.session('usr_bob', 'dev_laptop', 'admin.corp.test');
    const response = await call(edge, { host: 'admin.corp.test', cookie, page: true });
    expect(response.body).toContain('group_missing');
    expect(response.body).toContain('action="/.well-known/sallyport/sign-out"');
  });

  it('says when it will be worth trying again', async () => {
    const empty = await TestEdge.start({ withoutState: true });
    const page = await call(empty, { page: true });
    expect([page.status, page.header('retry-after')]).toEqual([503, '5']);
    expect(page.body).toContain('does not know the rules yet');
    const own = await call(empty, { path: '/.well-known/sallyport/jwks.json' });
    expect(own.status).toBe(503);
    await expect.poll(() => empty.records.all.length).toBe(2);
    expect(empty.records.all[0]).toMatchObject({ outcome: 'refused', reasons: ['not_ready'] });
    await empty.stop();
  });

  it('does not say of a gateway that is blocked that it has just started', async () => {
    const closed = await TestEdge.start();
    const block = { kind: 'edge', subjectId: 'edg_test', expiresAtMs: null } as const;
    await closed.apply('revoke', { op: 'block', revocationId: 'rev_1', ...block });
    const page = await call(closed, { page: true });
    expect([page.status, page.header('retry-after')]).toEqual([503, '30']);
    expect(page.body).toContain('<h1>Closed for the moment</h1>');
    expect(page.body).toContain('has been taken out of service');
    await expect.poll(() => closed.records.all.length).toBe(1);
    expect(closed.records.all[0]).toMatchObject({ outcome: 'refused', reasons: ['edge_blocked'] });
    await closed.stop();
  });
});
