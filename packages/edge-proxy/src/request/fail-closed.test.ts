import { StateBusyError } from '@sallyport/shared/state/tables/reader';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { CurrentState } from '../state/current.ts';
import { call, RawClient } from './testing/client.ts';
import { TestEdge } from './testing/edge.ts';

/**
 * Whatever a request depends on fails, one after the other (abuse row 130): nothing is permitted by
 * it, the upstream sees nothing, and the record says what it was.
 */
const host = 'app.corp.test';

let edge: TestEdge;
let cookie: string;
/** Has had its handshake before anything fails. */
let client: RawClient;
let undo: () => void = () => undefined;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', host);
  expect((await call(edge, { cookie })).status).toBe(200);
});
afterAll(async () => {
  // It was that and nothing else.
  expect((await call(edge, { cookie })).status).toBe(200);
  await edge.stop();
});
beforeEach(async () => {
  client = await RawClient.connect(edge, host, edge.laptop);
});
afterEach(() => {
  undo();
  client.close();
});

/** Asks while something is broken; the status with each reason. */
async function outcome(): Promise<readonly string[]> {
  await edge.settle();
  client.send(`GET / HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\n\r\n`);
  const { status } = await client.response();
  const { reasons } = await edge.records.first(() => true);
  expect(edge.upstream.bytes).toBe('');
  return reasons.map((reason) => `${status} ${reason}`);
}

type Part = Exclude<
  keyof CurrentState,
  // Of our own endpoints, of the listener, of changes; or looked at when nothing is decided.
  | 'jwks'
  | 'reached'
  | 'serverCertificates'
  | 'onChange'
  | 'onCredentialsChange'
  | 'notReadyReasons'
  | 'signals'
>;

/** What a request ends with where the part says what it cannot say, undefined, null, text and so on. */
const saysNothing: Readonly<Record<Part, readonly string[]>> = {
  ready: ['503 not_ready'],
  bundle: ['500 internal', '503 not_ready'],
  pass: ['500 internal'],
  staleness: ['503 state_too_old'],
  deviceByCertificate: ['500 internal'],
  device: ['500 internal', '403 device_unknown'],
  user: ['500 internal', '403 user_unknown'],
  generations: ['500 internal', '401 session_ended'],
  isSessionEnded: ['401 session_ended'],
  block: ['403 device_revoked'],
  lockdown: ['403 lockdown'],
  requestSignals: ['500 internal'],
  statementKey: ['500 internal', '401 session_ended', '401 session_expired'],
  cookieRing: ['500 internal', '401 session_ended'],
  assertionKey: ['500 internal', '503 assertion_key_missing'],
  upstreamCredentials: ['500 internal', '502 upstream_unreachable', '502 upstream_untrusted'],
  revisions: ['500 internal'],
};
const parts = Object.keys(saysNothing) as Part[];
const garbage = [undefined, null, 'garbage', Number.NaN, {}, []] as const;
const rows = parts.flatMap((part) => garbage.map((value) => [part, value] as const));
/** What is an answer after all; what the state stands at is written down and is no ground. */
const isSaid = (part: Part, value: unknown) =>
  (part === 'deviceByCertificate' && value === null) ||
  (part === 'revisions' && value !== undefined && value !== null);

function replace(part: Part, by: () => unknown): void {
  const current = edge.state.current as unknown as Record<Part, unknown>;
  const before = current[part];
  undo = () => {
    current[part] = before;
  };
  current[part] = by;
}

describe('nothing is permitted where the state', () => {
  it.each(parts)('fails: %s', async (part) => {
    replace(part, () => {
      throw new Error('broken');
    });
    expect(await outcome()).toContain('500 internal');
  });

  it.each(parts)('does not stand still in time: %s', async (part) => {
    replace(part, () => {
      throw new StateBusyError('moving');
    });
    expect(await outcome()).toContain('503 state_busy');
  });

  it.each(rows.filter(([part, value]) => !isSaid(part, value)))(
    'says what it cannot say: %s %j',
    async (part, value) => {
      replace(part, () => value);
      const said = await outcome();
      expect(said.some((one) => saysNothing[part].includes(one))).toBe(true);
    },
  );
});

describe('nothing is permitted where something else', () => {
  it.each([
    () => {
      throw new Error('broken');
    },
    ...garbage.map((value) => () => value),
  ])('does not know places (%#)', async (placeOf) => {
    const places = edge.places as unknown as { placeOf: unknown };
    const before = places.placeOf;
    undo = () => {
      places.placeOf = before;
    };
    places.placeOf = placeOf;
    expect(await outcome()).toContain('500 internal');
  });

  it('cannot say who front proxies are: no connection of anybody is taken', async () => {
    replace('bundle', () => {
      throw new Error('broken');
    });
    await expect(call(edge, { cookie })).rejects.toThrow();
  });
});
