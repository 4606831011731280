import { generateKeySync } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { seal } from '../sealed.ts';
import { call, type RawResponse } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

const cleared = /^__Host-sallyport=; Max-Age=0; Path=\/; Secure; HttpOnly; SameSite=Lax$/;

function clears(response: RawResponse): boolean {
  return response.all('set-cookie').some((line) => cleared.test(line));
}

async function good(): Promise<string> {
  return edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
}

/** What a client can tell: all but the ids and the time. */
async function told(cookie: string): Promise<string> {
  const response = await call(edge, { cookie });
  expect(clears(response)).toBe(true);
  const problem = JSON.parse(response.body) as Record<string, unknown>;
  delete problem['correlationId'];
  return JSON.stringify([response.status, problem, response.all('set-cookie')]);
}

describe('the session cookie', () => {
  it('stays below two kilobytes', async () => {
    const host = `${'a'.repeat(60)}.`.repeat(4).slice(0, -1);
    const { jws } = await edge.control.statement(
      'usr_00000000000000000000000000',
      'dev_00000000000000000000000000',
      { amr: ['pwd', 'otp', 'hwk', 'mfa'], acr: 'urn:example:high', sid: `ses_${'0'.repeat(26)}` },
    );
    const usual = await edge.sealed('wiki.corp.example', jws);
    expect(usual.length).toBeLessThan(1400);
    expect((await edge.sealed(host, jws)).length).toBeLessThan(2048);
  });

  it('opens nothing with any bit flipped, and the answer is always the same (row 93)', async () => {
    const cookie = await good();
    const [name = '', value = ''] = cookie.split(/=(.*)/s);
    const first = await told(`${name}=x${value.slice(1)}`);
    const parts = value.split('.');
    for (let at = 0; at < value.length; at += 7) {
      const before = value.charAt(at);
      if (before === '.') continue;
      const other = before === 'A' ? 'B' : 'A';
      const flipped = value.slice(0, at) + other + value.slice(at + 1);
      if (Buffer.from(flipped, 'base64url').equals(Buffer.from(value, 'base64url'))) continue;
      expect(await told(`${name}=${flipped}`)).toBe(first);
    }
    const [header = '', , iv = '', text = '', tag = ''] = parts;
    const decoded = JSON.parse(Buffer.from(header, 'base64url').toString()) as object;
    const withHeader = (more: object) =>
      `${Buffer.from(JSON.stringify({ ...decoded, ...more })).toString('base64url')}..${iv}.${text}.${tag}`;
    const broken = [
      '',
      'x',
      '....',
      value.slice(0, -1),
      value.slice(0, 100),
      `${value}.`,
      withHeader({ host: 'admin.corp.test' }),
      withHeader({ kid: 'older' }),
      withHeader({ kid: 7 }),
      withHeader({ alg: 'none' }),
      withHeader({ alg: 'A256KW' }),
      withHeader({ zip: 'DEF' }),
      withHeader({ crit: ['exp'], exp: 1 }),
      `bm90IGpzb24..${iv}.${text}.${tag}`,
      `${header}..${iv}.${text}.`,
      `${header}.${iv}.${iv}.${text}.${tag}`,
      'A'.repeat(2049),
      '"quoted"',
    ];
    for (const one of broken) expect(await told(`${name}=${one}`)).toBe(first);
    expect((await call(edge, { cookie })).status).toBe(200);
  });

  it('opens nothing on another host (row 87)', async () => {
    const response = await call(edge, { host: 'reports.fin.test', cookie: await good() });
    expect([response.status, clears(response)]).toEqual([401, true]);
  });

  it('opens nothing when it was sealed for another purpose or under a key that is not in the ring', async () => {
    const { jws } = await edge.control.statement('usr_alice', 'dev_laptop');
    const ring = edge.state.current.cookieRing();
    if (ring === null) throw new Error('no ring');
    const key = generateKeySync('aes', { length: 256 }).toCryptoKey('AES-GCM', false, ['encrypt']);
    const foreign = { ...ring, current: { id: ring.current.id, key }, keys: new Map() };
    for (const value of [
      await seal(ring, 'hand-over', 'app.corp.test', jws),
      await seal(foreign, 'session', 'app.corp.test', jws),
      await seal(ring, 'session', 'app.corp.test', 'not a statement'),
      await seal(ring, 'session', 'app.corp.test', `${jws.slice(0, -3)}AAA`),
    ]) {
      const response = await call(edge, { cookie: `__Host-sallyport=${value}` });
      expect([response.status, clears(response)]).toEqual([401, true]);
    }
  });

  it('is read by its exact name, and not at all where it stands twice', async () => {
    const cookie = await good();
    const doubled = await call(edge, { cookie: `${cookie}; ${cookie}` });
    expect([doubled.status, clears(doubled)]).toEqual([401, true]);
    for (const near of ['__host-sallyport', '\xa0__Host-sallyport', '\x85__Host-sallyport']) {
      const other = await call(edge, { cookie: cookie.replace('__Host-sallyport', near) });
      expect([other.status, clears(other)]).toEqual([401, false]);
    }
    expect((await call(edge, { cookie: `a=b; ${cookie} ;c=d` })).status).toBe(200);
  });

  it('holds only while keys, generations and the list of ended sessions say so', async () => {
    const other = await TestEdge.start();
    try {
      const code = async (cookie: string) => {
        const response = await call(other, { cookie });
        if (response.status === 200) return 'ok';
        expect(response.header('www-authenticate')).toContain('error="invalid_token"');
        return (JSON.parse(response.body) as { code: string }).code;
      };
      const session = (generations: { global: number; user: number; device: number }) =>
        other.session('usr_alice', 'dev_laptop', 'app.corp.test', { generations });
      const first = await session({ global: 0, user: 0, device: 0 });
      expect(await code(first)).toBe('ok');
      await other.apply('revoke', {
        op: 'generation',
        scope: 'user',
        subjectId: 'usr_alice',
        value: 1,
      });
      expect(await code(first)).toBe('session_ended');
      const second = await session({ global: 0, user: 1, device: 0 });
      expect(await code(second)).toBe('ok');
      await other.apply('revoke', { op: 'generation', scope: 'global', subjectId: '', value: 1 });
      expect(await code(second)).toBe('session_ended');
      // A statement ahead of this edge's state is not believed either.
      expect(await code(await session({ global: 2, user: 1, device: 0 }))).toBe('session_ended');
      const third = await session({ global: 1, user: 1, device: 0 });
      expect(await code(third)).toBe('ok');
      await other.apply('revoke', {
        op: 'generation',
        scope: 'device',
        subjectId: 'dev_laptop',
        value: 1,
      });
      expect(await code(third)).toBe('session_ended');
      const sid = 'ses_11111111111111111111111111';
      const generations = { global: 1, user: 1, device: 1 };
      const fourth = await other.session('usr_alice', 'dev_laptop', 'app.corp.test', {
        sid,
        generations,
      });
      expect(await code(fourth)).toBe('ok');
      await other.apply('revoke', { op: 'ended_session', sid, expiresAtMs: Date.now() + 1e7 });
      expect(await code(fourth)).toBe('session_ended');
      const fifth = await session(generations);
      expect(await code(fifth)).toBe('ok');
      other.setCredentials({ cookieRing: Buffer.from(JSON.stringify({ keys: [newKey()] })) });
      // Opened before, but its key has been withdrawn since.
      expect(await code(fifth)).toBe('session_ended');
    } finally {
      await other.stop();
    }
  });

  it('ends with the key of its statement: a page signs in again, everything else gets 401', async () => {
    const other = await TestEdge.start();
    try {
      const cookie = await other.session('usr_alice', 'dev_laptop', 'app.corp.test');
      expect((await call(other, { cookie })).status).toBe(200);
      const { keyId } = other.signingKey;
      await other.apply('config', { ...other.signingKey, keyId: 'its-successor' });
      await other.apply('config', { op: 'deleted_signing_key', keyId });
      const page = await call(other, { cookie, page: true });
      const rest = await call(other, { cookie });
      expect([page.status, rest.status]).toEqual([302, 401]);
      expect(page.header('location')).toContain('/.well-known/sallyport/sign-in');
    } finally {
      await other.stop();
    }
  });

  it('tells an expired session from none', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test', {
      issuedAtMs: Date.now() - 7_200_000,
      expiresAtMs: Date.now() - 1_000,
    });
    const response = await call(edge, { cookie });
    expect(response.body).toContain('session_expired');
    expect(clears(response)).toBe(true);
  });

  it('is worth nothing on another device, or without one', async () => {
    const cookie = await good();
    const other = await call(edge, { cookie, device: edge.other });
    expect([other.status, other.body.includes('session_other_device')]).toEqual([403, true]);
    const none = await call(edge, { cookie, device: null });
    expect([none.status, none.body.includes('device_certificate_missing')]).toEqual([403, true]);
  });

  it('satisfies no device rule where it was made without a device', async () => {
    const cookie = await edge.session('usr_alice', null, 'app.corp.test');
    const response = await call(edge, { cookie });
    expect([response.status, response.body.includes('session_without_device')]).toEqual([
      403,
      true,
    ]);
  });

  it('is taken back on a public page too, where it opens nothing', async () => {
    const response = await call(edge, {
      host: 'pub.corp.test',
      cookie: '__Host-sallyport=nonsense',
    });
    expect([response.status, clears(response)]).toEqual([200, true]);
  });
});

function newKey(): { id: string; key: string } {
  const key = generateKeySync('aes', { length: 256 }).export().toString('base64url');
  return { id: 'newer', key };
}
