import dns, { type LookupAddress } from 'node:dns';
import { syncBuiltinESMExports } from 'node:module';
import { StateBusyError } from '@sallyport/shared/state/tables/reader';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CurrentState } from '../../state/current.ts';
import { protocols } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { Oracle, withRoutes } from '../testing/oracle.ts';

let edge: TestEdge;
let alice: Oracle;
const restore: (() => void)[] = [];
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());
afterEach(async () => {
  for (const back of restore.splice(0).reverse()) back();
  await alice.alive();
});

/** The named part of something that requests depend on is another, until the test is over. */
function instead<On extends object, Name extends keyof On>(on: On, name: Name, by: On[Name]): void {
  const before = on[name];
  on[name] = by;
  restore.push(() => {
    on[name] = before;
  });
}

function bug(): never {
  throw new Error('/srv/secret/place.ts:7 broke');
}

/** What somebody is told who would pass if everything worked, and what is written down of it. */
async function outcome(): Promise<[number, readonly string[]]> {
  const response = await alice.call();
  expect(edge.upstream.bytes).toBe('');
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [record] = edge.records.all;
  expect(record?.status).toBe(response.status);
  return [response.status, record?.reasons ?? []];
}

const asked = [
  'ready',
  'bundle',
  'pass',
  'staleness',
  'revisions',
  'deviceByCertificate',
  'device',
  'user',
  'generations',
  'isSessionEnded',
  'block',
  'lockdown',
  'requestSignals',
  'statementKey',
  'cookieRing',
  'assertionKey',
  'upstreamCredentials',
] as const satisfies readonly (keyof CurrentState)[];

const none = { global: Number.NaN, user: Number.NaN, device: Number.NaN };
const ages = (ms: number) => ({ revokeMs: ms, signalsMs: ms, configMs: ms, directoryMs: ms });

describe.each(protocols)('row 130: over %s nobody passes where something', (protocol) => {
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  it.each(asked)('that decisions rest on throws: %s', async (name) => {
    const client = await alice.client();
    instead(edge.state.current, name, bug as never);
    const response = await client.ask({ cookie: alice.cookie });
    client.close();
    expect([response.status, response.body.includes('"internal"')]).toEqual([500, true]);
    expect(response.body).not.toMatch(/secret|place\.ts/);
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    // What is needed to write a record that tells nothing it may not tell is among them.
    const recorded = edge.records.all.map(({ status, reasons }) => [status, reasons.at(-1)]);
    if (recorded.length > 0) expect(recorded).toEqual([[500, 'internal']]);
    else expect(edge.logged.join('')).toContain('record_lost');
  });

  it.each<[string, (state: CurrentState) => void, [number, string]]>([
    ['is not there yet', (state) => instead(state, 'ready', () => false), [503, 'not_ready']],
    ['has no rules', (state) => instead(state, 'bundle', () => null), [503, 'not_ready']],
    [
      'does not stand still',
      (state) =>
        instead(state, 'pass', () => {
          throw new StateBusyError('scripted');
        }),
      [503, 'state_busy'],
    ],
    [
      'has no age',
      (state) => instead(state, 'staleness', () => ages(Number.NaN)),
      [503, 'state_too_old'],
    ],
    [
      'has an age below zero',
      (state) => instead(state, 'staleness', () => ages(-1)),
      [503, 'state_too_old'],
    ],
    [
      'is as old as can be',
      (state) => instead(state, 'staleness', () => ages(Number.POSITIVE_INFINITY)),
      [503, 'state_too_old'],
    ],
    ['knows no device', (state) => instead(state, 'device', () => null), [403, 'device_unknown']],
    ['knows no user', (state) => instead(state, 'user', () => null), [403, 'user_unknown']],
    [
      'knows no generation',
      (state) => instead(state, 'generations', () => none),
      [401, 'session_ended'],
    ],
    [
      'has ended every session',
      (state) => instead(state, 'isSessionEnded', () => true),
      [401, 'session_ended'],
    ],
    ['blocks everything', (state) => instead(state, 'block', () => true), [403, 'device_revoked']],
    ['is locked down', (state) => instead(state, 'lockdown', () => true), [403, 'lockdown']],
    [
      'has no key for sessions',
      (state) => instead(state, 'statementKey', () => null),
      [401, 'session_ended'],
    ],
    [
      'has no key for cookies',
      (state) => instead(state, 'cookieRing', () => null),
      [401, 'session_ended'],
    ],
    [
      'has no key to vouch with',
      (state) => instead(state, 'assertionKey', () => null),
      [503, 'assertion_key_missing'],
    ],
  ])('that decisions rest on %s', async (_name, break_, expected) => {
    break_(edge.state.current);
    const [status, reasons] = await outcome();
    expect([status, reasons]).toEqual([expected[0], expect.arrayContaining([expected[1]])]);
  });

  it('cannot say where somebody is', async () => {
    instead(edge.places, 'placeOf', bug);
    expect(await outcome()).toEqual([500, ['internal']]);
  });

  it.each([
    ['far ahead', 1e12],
    ['far behind', -1e12],
  ])('tells a time that is %s', async (_name, offsetMs) => {
    edge.clock.offsetMs = offsetMs;
    restore.push(() => {
      edge.clock.offsetMs = 0;
    });
    expect(await outcome()).toEqual([403, ['device_certificate_untrusted']]);
  });

  it('is a record that cannot be kept, where the route demands it', async () => {
    await withRoutes(edge, {
      name: 'recorded',
      match: [{ host: 'recorded.fin.test' }],
      policies: ['open'],
      spec: { records: { required: true } },
    });
    edge.recordsFull = true;
    restore.push(() => {
      edge.recordsFull = false;
    });
    const response = await alice.call({ host: 'recorded.fin.test', cookie: '' });
    expect([response.status, response.body.includes('audit_unavailable')]).toEqual([503, true]);
    expect(edge.upstream.bytes).toBe('');
  });

  it('is a sign-in that cannot be begun, and those who are signed in notice nothing', async () => {
    edge.control.reachable = false;
    restore.push(() => {
      edge.control.reachable = true;
    });
    const begun = new URL((await alice.call({ cookie: '', page: true })).header('location') ?? '');
    const path = begun.pathname + begun.search;
    const signIn = { cookie: '', host: begun.hostname, path, page: true };
    const page = await alice.call(signIn);
    expect([page.status, page.body.includes('sign_in_unavailable')]).toEqual([503, true]);
    expect((await alice.call()).status).toBe(200);
    edge.upstream.forget();
    instead(edge.control, 'beginSignIn', () => Promise.reject(new Error('/srv/secret')));
    const broken = await alice.call(signIn);
    expect([broken.status, broken.body.includes('secret')]).toEqual([500, false]);
    expect(edge.upstream.bytes).toBe('');
  });
});

describe.each(protocols)('row 127: the name of an upstream, asked for over %s,', (protocol) => {
  beforeAll(async () => {
    alice = await Oracle.of(edge, 'usr_alice', 'app.corp.test', 'laptop', protocol);
  });

  /** What the resolver of the system says of every name from now on. */
  function resolvesTo(...addresses: string[]): void {
    const answer = addresses.map((address): LookupAddress => ({ address, family: 4 }));
    const lookup = (_name: string, _options: object, done: (...told: unknown[]) => void): void => {
      process.nextTick(() => done(null, answer));
    };
    restore.push(syncBuiltinESMExports);
    instead(dns, 'lookup', lookup as never);
    syncBuiltinESMExports();
  }

  it('is looked at each time a connection is made, and leads nowhere that is not listed', async () => {
    const host = 'moving.fin.test';
    const { port } = edge.upstream;
    await withRoutes(edge, {
      name: 'moving',
      match: [{ host }],
      policies: ['open'],
      spec: {
        upstream: {
          url: `https://moving.internal.test:${port}`,
          serverName: 'upstream.corp.localhost',
          trustBundle: 'upstreams',
        },
      },
    });
    const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok';
    edge.upstream.script = () => answer;
    for (const [addresses, status] of [
      [['127.0.0.1'], 200],
      [['169.254.169.254'], 502],
      [['10.0.0.1', '192.168.0.1'], 502],
      [['10.0.0.1', '127.0.0.1'], 200],
      [['0.0.0.0'], 502],
    ] as const) {
      await edge.settle();
      resolvesTo(...addresses);
      // Answers are believed for five seconds.
      edge.clock.offsetMs += 10_000;
      const response = await alice.call({ host, cookie: '' });
      expect([addresses, response.status]).toEqual([addresses, status]);
      const refused = response.body.includes('upstream_address_refused');
      expect(refused).toBe(status === 502);
      expect(edge.upstream.bytes === '').toBe(status === 502);
    }
  });
});
