import { type Decision, decide } from '@sallyport/policy';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';
import { ok } from './testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
});

describe('the way of a request', () => {
  it('lets the right user on the right device through and writes down on what grounds', async () => {
    const response = await call(edge, {
      cookie,
      path: '/page?secret=1',
      headers: ['User-Agent: test'],
    });
    expect([response.status, response.body]).toEqual([200, 'hello']);
    const record = await edge.records.next();
    expect(record).toMatchObject({
      kind: 'access',
      correlationId: response.header('sallyport-request-id'),
      edge: 'edg_test',
      region: 'eu',
      sourceAddress: '127.0.0.1',
      method: 'GET',
      host: 'app.corp.test',
      path: '/page',
      queryRedacted: true,
      userAgent: 'test',
      userId: 'usr_alice',
      userEmail: 'usr_alice@corp.test',
      deviceId: 'dev_laptop',
      certificateSha256: edge.laptop.sha256,
      route: 'app',
      outcome: 'permit',
      reasons: ['rule_allowed'],
      ruleIds: ['staff/allow/members'],
      configVersion: 1,
      status: 200,
      ending: 'complete',
      bytesIn: 0,
      bytesOut: 5,
    });
    expect(Object.keys(record.revisions).toSorted()).toEqual([
      'config',
      'directory',
      'revoke',
      'signals',
    ]);
    expect(record.upstreamMs).toBeGreaterThan(0);
    expect(JSON.stringify(record)).not.toMatch(/secret=1|__Host|eyJ/);
    // Explain decides on the same facts, and so comes to the same verdict.
    const bundle = edge.state.current.bundle();
    const again: Decision | null =
      record.facts === null || bundle === null ? null : decide(bundle.policy, record.facts);
    expect(again).toMatchObject({ outcome: 'permit', ruleIds: record.ruleIds });
  });

  it('leaves exactly one record for every request, however it ends (row 144)', async () => {
    await call(edge, { cookie });
    await call(edge, { device: edge.stranger });
    await call(edge, { page: true });
    await call(edge, { path: '/a//b' });
    await call(edge, { path: '/.well-known/sallyport/jwks.json' });
    await call(edge, { host: 'pub.corp.test', method: 'HEAD' });
    edge.upstream.script = () => null;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(`GET /hang HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`.repeat(3));
    await expect.poll(() => edge.upstream.bytes).toContain('/hang');
    client.close();
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect(edge.records.all.map(({ outcome, ending }) => `${outcome} ${ending}`)).toEqual([
      'permit complete',
      'deny complete',
      'sign_in complete',
      'refused complete',
      'own complete',
      'permit complete',
      'permit client_closed',
      'permit client_closed',
      'permit client_closed',
    ]);
    const ids = edge.records.all.map(({ correlationId }) => correlationId);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('survives poisonous requests, and the next one is served', async () => {
    const poison = [
      'GET / HTTP/1.1\r\nHost: app.corp.test\r\n__proto__: x\r\nconstructor: y\r\nhasOwnProperty: z\r\n\r\n',
      `GET /${'%'.repeat(3000)} HTTP/1.1\r\nHost: app.corp.test\r\n\r\n`,
      `GET /?${'a=b&'.repeat(3000)} HTTP/1.1\r\nHost: app.corp.test\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${';='.repeat(4000)}\r\n\r\n`,
      `GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${'__Host-sallyport=a.b.c.d.e; '.repeat(200)}\r\n\r\n`,
      'GET /.well-known/sallyport/hand-over?token=a.b.c.d.e&token= HTTP/1.1\r\nHost: app.corp.test\r\n\r\n',
      'GET /.well-known/sallyport/sign-out HTTP/1.1\r\nHost: app.corp.test\r\nCookie: __Host-sallyport=eyJhbGciOiJkaXIifQ....\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: app.corp.test\r\nAccept: \xff\xfe\r\nUser-Agent: \x80\r\ntraceparent: 00-\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: xn--a.corp.test\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: app.corp.test\r\nConnection: ,,,\r\n\r\n',
      'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    ];
    for (const bytes of poison) {
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      client.send(bytes);
      const { status } = await client.response();
      expect(status).toBeLessThan(500);
      client.close();
      expect((await call(edge, { cookie })).status).toBe(200);
    }
  });

  it('answers 500 to a bug of ours and serves the next request', async () => {
    const { current } = edge.state;
    const { user } = current;
    // Something in the state throws, as a bug would.
    current.user = () => {
      throw new Error('a bug');
    };
    const broken = await call(edge, { cookie });
    expect([broken.status, broken.body.includes('internal')]).toEqual([500, true]);
    expect(broken.body).not.toContain('a bug');
    current.user = user;
    expect((await call(edge, { cookie })).status).toBe(200);
    expect(edge.logged.join('')).toContain('a bug');
  });

  it('asks nobody for an established session: the control plane may be gone', async () => {
    edge.control.reachable = false;
    expect((await call(edge, { cookie })).status).toBe(200);
    edge.control.reachable = true;
  });
});
