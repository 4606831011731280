import type {
  ConfigurationDocument,
  RouteDocument,
  SettingsDocument,
} from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Call, call, RawClient } from '../testing/client.ts';
import { Http2Client } from '../testing/client-h2.ts';
import { signInHost } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { clientAt, forwardingFront, speakFrom, withFronts } from '../testing/front.ts';
import { ok } from '../testing/recorder.ts';
import { agree, webSocketRequest } from '../testing/web-socket.ts';

type Limits = NonNullable<RouteDocument['spec']['rateLimits']>;
type SettingsSpec = SettingsDocument['spec'];

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await edge.settle();
  edge.upstream.script = ok;
  edge.limited.length = 0;
  // Whatever was used is back.
  edge.rateClock.aheadMs += 86_400_000;
});

/** Limits of the settings, and by the names of routes. */
async function limit(
  routes: Readonly<Record<string, Limits>>,
  rateLimits: Limits = [],
  signIn: Partial<SettingsSpec['signIn']> = {},
): Promise<void> {
  const documents = withFronts(edge).map((document): ConfigurationDocument => {
    if (document.kind === 'Settings') {
      const spec = { ...document.spec, signIn: { ...document.spec.signIn, ...signIn }, rateLimits };
      return { ...document, spec };
    }
    if (document.kind !== 'Route') return document;
    const own = routes[document.metadata.name];
    return own === undefined
      ? document
      : { ...document, spec: { ...document.spec, rateLimits: own } };
  });
  await edge.apply('config', ...edge.configuration(documents));
}

const session = (user: string, host = 'app.corp.test') => edge.session(user, 'dev_laptop', host);

async function statuses(times: number, what: Call): Promise<number[]> {
  const all: number[] = [];
  for (let turn = 0; turn < times; turn += 1) all.push((await call(edge, what)).status);
  return all;
}

describe('a limit for each user', () => {
  it('serves so many requests, and answers what is too much with 429', async () => {
    await limit({ app: [{ name: 'each', per: 'user', requests: 2, window: '1h' }] });
    const cookie = await session('usr_alice');
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    const ask = async () => {
      client.send(`GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
      return client.response();
    };
    const first = await ask();
    expect(first.status).toBe(200);
    expect(first.header('ratelimit-policy')).toBe('"each";q=2;w=3600');
    expect(first.header('ratelimit')).toMatch(/^"each";r=1;t=1[78][0-9]{2}$/);
    expect((await ask()).header('ratelimit')).toMatch(/^"each";r=0;t=/);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.header('retry-after')).toMatch(/^1[78][0-9]{2}$/);
    expect(refused.header('ratelimit-policy')).toBe('"each";q=2;w=3600');
    expect(refused.header('ratelimit')).toBe(`"each";r=0;t=${refused.header('retry-after')}`);
    expect(JSON.parse(refused.body)).toMatchObject({ code: 'rate_limited', status: 429 });
    expect(edge.upstream.bytes.match(/^GET /gm)).toHaveLength(2);
    const record = await edge.records.first(({ status }) => status === 429);
    expect(record).toMatchObject({
      outcome: 'refused',
      reasons: ['rate_limited', 'rule_allowed'],
      route: 'app',
      userId: 'usr_alice',
    });
    expect(edge.limited).toEqual(['user']);
    // On the connection as it was, when the time has come.
    edge.rateClock.aheadMs += 1_800_000;
    expect((await ask()).status).toBe(200);
    client.close();
  });

  it('counts nobody else, and nothing that was refused anyway', async () => {
    await limit({ app: [{ name: 'each', per: 'user', requests: 2, window: '1h' }] });
    const cookie = await session('usr_alice');
    // The session is bound to a device that is not shown.
    expect(await statuses(3, { cookie, device: null })).toEqual([403, 403, 403]);
    expect(await statuses(3, { cookie })).toEqual([200, 200, 429]);
    expect(await statuses(1, { cookie: await session('usr_adam') })).toEqual([200]);
  });

  it('counts streams and WebSockets as requests, whatever they come over', async () => {
    await limit({ app: [{ name: 'each', per: 'user', requests: 3, window: '1h' }] });
    const cookie = await session('usr_alice');
    edge.upstream.script = (head, connection) =>
      (/^upgrade: websocket/im.test(head) ? agree : ok)(head, connection);
    const streams = await Http2Client.connect(edge);
    expect((await streams.ask({ cookie })).status).toBe(200);
    expect((await streams.ask({ cookie })).status).toBe(200);
    const shaken = async () => {
      const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
      client.send(webSocketRequest(cookie));
      const { status } = await client.response();
      client.close();
      return status;
    };
    expect(await shaken()).toBe(101);
    expect(await shaken()).toBe(429);
    const refused = await streams.ask({ cookie });
    streams.close();
    expect([refused.status, refused.header('ratelimit')]).toEqual([
      429,
      expect.stringMatching(/^"each";r=0;t=\d+$/),
    ]);
    await expect
      .poll(() => edge.records.all.map(({ status }) => status).sort((a, b) => a - b))
      .toEqual([101, 200, 200, 429, 429]);
  });

  it('lets a rest be made up for by a burst', async () => {
    await limit({ app: [{ name: 'each', per: 'user', requests: 60, window: '1h', burst: 3 }] });
    const cookie = await session('usr_alice');
    expect(await statuses(4, { cookie })).toEqual([200, 200, 200, 429]);
    edge.rateClock.aheadMs += 60_000;
    expect(await statuses(2, { cookie })).toEqual([200, 429]);
  });

  it('shows what is wrong to people as a page', async () => {
    await limit({ app: [{ name: 'each', per: 'user', requests: 1, window: '1h' }] });
    const cookie = await session('usr_alice');
    const [, page] = [await call(edge, { cookie }), await call(edge, { cookie, page: true })];
    expect(page.header('content-type')).toBe('text/html; charset=utf-8');
    expect(page.body).toContain('Too many requests');
  });

  it('says it beside what the application says of its own limits', async () => {
    await limit({ app: [{ name: 'each', per: 'user', requests: 5, window: '1h' }] });
    edge.upstream.script = () =>
      'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nRateLimit: "app";r=7;t=9\r\n\r\n';
    const { all } = await call(edge, { cookie: await session('usr_alice') });
    expect(all('ratelimit')).toEqual(['"app";r=7;t=9', expect.stringMatching(/^"each";r=4;/)]);
  });
});

describe('several limits', () => {
  it('of which one refuses: then no other counts the request', async () => {
    await limit({
      app: [
        { name: 'each', per: 'user', requests: 4, window: '1h' },
        { name: 'whole', per: 'route', requests: 2, window: '1h' },
      ],
    });
    const cookie = await session('usr_alice');
    expect(await statuses(5, { cookie })).toEqual([200, 200, 429, 429, 429]);
    expect(edge.limited).toEqual(['route', 'route', 'route']);
    // The other way out of it is that all of the route is used up by somebody else.
    expect(await statuses(1, { cookie: await session('usr_adam') })).toEqual([429]);
    // Two were used, two came back: nothing was lost to what was refused.
    edge.rateClock.aheadMs += 1_800_000;
    const { header } = await call(edge, { cookie });
    expect(header('ratelimit')).toMatch(/^"each";r=3;t=[0-9]+$/);
    expect(header('ratelimit-policy')).toBe('"each";q=4;w=3600');
  });

  it('of the settings count over all routes, but for those of each route', async () => {
    await limit({ reports: [{ name: 'two', per: 'device', requests: 9, window: '1h' }] }, [
      { name: 'all', per: 'user', requests: 3, window: '1h' },
      { name: 'two', per: 'device', requests: 2, window: '1h' },
    ]);
    const cookie = await session('usr_alice');
    const reports = {
      host: 'reports.fin.test',
      cookie: await session('usr_alice', 'reports.fin.test'),
    };
    expect(await statuses(2, { cookie })).toEqual([200, 200]);
    expect(await statuses(1, { cookie })).toEqual([429]);
    // A limit of the same name takes its place there; the other one goes on counting.
    expect(await statuses(2, reports)).toEqual([200, 429]);
    expect(edge.limited).toEqual(['device', 'user']);
  });

  it('begin anew when their numbers change, and not when something else does', async () => {
    const each = { name: 'each', per: 'user', requests: 1, window: '1h' } as const;
    const cookie = await session('usr_alice');
    await limit({ app: [each] });
    expect(await statuses(2, { cookie })).toEqual([200, 429]);
    await limit({ app: [each], pub: [each] });
    expect(await statuses(1, { cookie })).toEqual([429]);
    await limit({ app: [{ ...each, window: '2h' }] });
    expect(await statuses(2, { cookie })).toEqual([200, 429]);
  });
});

describe('a limit for each address', () => {
  it('is asked before a session is opened, whatever comes of the request', async () => {
    await limit({}, [{ name: 'address', per: 'address', requests: 3, window: '1h' }]);
    const cookie = await session('usr_alice');
    expect(await statuses(1, { host: 'nobody.fin.test' })).toEqual([404]);
    expect(await statuses(1, { device: null })).toEqual([403]);
    expect(await statuses(2, { cookie })).toEqual([200, 429]);
    const record = await edge.records.first(({ status }) => status === 429);
    expect(record).toMatchObject({ outcome: 'refused', reasons: ['rate_limited'], facts: null });
    expect(record.sid).toBeNull();
    expect(edge.limited).toEqual(['address']);
  });

  it('takes all addresses of a /64 for one', async () => {
    await limit({ pub: [{ name: 'address', per: 'address', requests: 2, window: '1h' }] });
    const from = async (address: string) => {
      const client = await clientAt(edge, address);
      client.send('GET / HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
      const { status } = await client.response();
      client.close();
      return status;
    };
    expect([
      await from('2001:db8:0:1::1'),
      await from('2001:db8:0:1:ffff::2'),
      await from('2001:db8:0:1::3'),
      await from('2001:db8:0:2::1'),
      await from('203.0.113.1'),
      await from('203.0.113.1'),
      await from('203.0.113.1'),
      await from('203.0.113.2'),
    ]).toEqual([200, 200, 429, 200, 200, 200, 429, 200]);
  });

  it('takes all forms of an address for one (row 73)', async () => {
    await limit({ pub: [{ name: 'address', per: 'address', requests: 1, window: '1h' }] });
    for (const forms of [
      ['203.0.113.7', '::ffff:203.0.113.7', '::FFFF:CB00:7107', '0:0:0:0:0:ffff:cb00:7107'],
      ['2001:db8::7', '2001:DB8:0:0:0:0:0:7', '[2001:db8::7]:41000'],
    ]) {
      for (const [index, form] of forms.entries()) {
        const socket = await speakFrom(edge, forwardingFront, Buffer.alloc(0));
        const headers = [`X-Forwarded-For: ${form}`];
        const { status } = await call(edge, { host: 'pub.corp.test', socket, headers });
        expect([form, status]).toEqual([form, index === 0 ? 200 : 429]);
      }
    }
  });

  it('of a route counts its requests alone', async () => {
    await limit({ pub: [{ name: 'address', per: 'address', requests: 1, window: '1h' }] });
    expect(await statuses(2, { host: 'pub.corp.test' })).toEqual([200, 429]);
    expect(await statuses(2, { host: 'reader.corp.test' })).toEqual([200, 200]);
  });
});

describe('our own endpoints', () => {
  const own = '/.well-known/sallyport/';

  it('are limited by address, but for keys and signing out', async () => {
    await limit({}, [], { rateLimit: { requests: 2, window: '1h' } });
    expect(await statuses(1, { host: signInHost, path: `${own}sign-in` })).toEqual([400]);
    expect(await statuses(2, { path: `${own}hand-over` })).toEqual([400, 429]);
    expect(await statuses(1, { host: signInHost, path: `${own}me` })).toEqual([429]);
    expect(await statuses(2, { path: `${own}jwks.json` })).toEqual([200, 200]);
    expect(await statuses(2, { path: `${own}sign-out` })).toEqual([200, 200]);
    const record = await edge.records.first(({ status }) => status === 429);
    expect(record).toMatchObject({ outcome: 'refused', reasons: ['rate_limited'] });
    expect(edge.limited).toEqual(['sign_in', 'sign_in']);
  });

  it('have a limit where the settings say nothing', async () => {
    await limit({});
    const settings = edge.state.current.bundle()?.settings;
    expect(settings?.signInRateLimit).toMatchObject({ requests: 1_200, windowSeconds: 60 });
  });
});
