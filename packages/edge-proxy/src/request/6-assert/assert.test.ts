import { verifyAssertion } from '@sallyport/shared/assertion/verify';
import { createLocalJWKSet, type JSONWebKeySet } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../testing/client.ts';
import { callOver, protocols } from '../testing/client-h2.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());
beforeEach(() => edge.upstream.forget());

const issuer = 'https://corp.test';

function assertions(): string[] {
  return [...edge.upstream.bytes.matchAll(/^Sallyport-Assertion: (.*)$/gm)].map(([, jwt]) =>
    (jwt ?? '').trim(),
  );
}

async function assertionFor(cookie: string, host = 'app.corp.test'): Promise<string> {
  edge.upstream.forget();
  expect((await call(edge, { cookie, host })).status).toBe(200);
  const all = assertions();
  expect(all.length).toBe(1);
  return all[0] ?? '';
}

function verify(jwt: string, audience = 'https://app.corp.test') {
  const jwks = createLocalJWKSet(edge.state.current.jwks() as JSONWebKeySet);
  return verifyAssertion(jwt, jwks, { issuer, audience });
}

describe('the assertion', () => {
  it('says who, on which device, in which session, to whom, verifiable by public keys alone', async () => {
    const { jws, statement } = await edge.control.statement('usr_adam', 'dev_laptop', {
      amr: ['pwd', 'otp'],
    });
    const cookie = `__Host-sallyport=${await edge.sealed('app.corp.test', jws)}`;
    const jwt = await assertionFor(cookie);
    expect(jwt.length).toBeLessThanOrEqual(1024);
    const verified = await verify(jwt);
    if (!verified.ok) throw new Error(verified.problem);
    const { tokenId, issuedAtSeconds, expiresAtSeconds, ...claims } = verified.claims;
    expect(claims).toEqual({
      issuer,
      audience: 'https://app.corp.test',
      subject: 'usr_adam',
      email: 'usr_adam@corp.test',
      // Those the route asks for, in its order.
      groups: ['employees', 'admins'],
      deviceId: 'dev_laptop',
      certificateSha256: edge.laptop.sha256,
      sid: statement.sid,
      amr: ['pwd', 'otp'],
    });
    expect(tokenId).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(expiresAtSeconds - issuedAtSeconds).toBe(120);
    expect((await verify(jwt, 'reports')).ok).toBe(false);
  });

  it('goes to each route for its own audience, with no groups it did not ask for', async () => {
    const cookie = await edge.session('usr_adam', 'dev_laptop', 'reports.fin.test');
    const verified = await verify(await assertionFor(cookie, 'reports.fin.test'), 'reports');
    expect(verified).toMatchObject({ ok: true, claims: { groups: [], audience: 'reports' } });
  });

  it.each(protocols)(
    'is the only one, whatever a client sends over %s (row 68)',
    async (protocol) => {
      const call = callOver[protocol];
      const forged = [
        'Sallyport-Assertion',
        'SALLYPORT-ASSERTION',
        'Sallyport_Assertion',
        'Sallyport.Assertion',
        'sallyport~assertion',
      ].map((name) => `${name}: forged`);
      const families = [
        'Sallyport-Anything: forged',
        'X-Forwarded-User: forged',
        'X_Forwarded_For: 6.6.6.6',
        'X.Forwarded.For: 6.6.6.6',
        'X-Forwarded: 6.6.6.6',
        'Remote~User: forged',
        'X-Host: forged',
        'X-Original-Host: forged',
        'X-HTTP-Host-Override: forged',
        'Forwarded: for=6.6.6.6',
        'X-Real-IP: 6.6.6.6',
        'Remote-User: forged',
        'X-WebAuth-User: forged',
        'X-HTTP-Method-Override: DELETE',
        'X-Original-URL: /forged',
        // HTTP/2 knows no such header.
        ...(protocol === 'h2'
          ? []
          : ['Connection: X-Mine, Sallyport-Assertion, Host', 'X-Mine: forged']),
      ];
      const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
      for (const method of ['GET', 'HEAD', 'OPTIONS', 'POST', 'DELETE']) {
        edge.upstream.forget();
        const headers = [...forged, ...families];
        const response = await call(edge, { cookie, method, headers });
        expect(response.status).toBe(200);
        expect(assertions().length).toBe(1);
        expect(edge.upstream.bytes).not.toMatch(/forged|6\.6\.6\.6/);
        expect(edge.upstream.bytes.match(/^host:.*$/gim)).toEqual([
          `host: app.corp.test:${edge.port}`,
        ]);
        expect(edge.upstream.bytes).toContain('X-Forwarded-For: 127.0.0.1\r\n');
      }
      edge.upstream.forget();
      const open = await call(edge, { host: 'pub.corp.test', device: null, headers: forged });
      expect(open.status).toBe(200);
      expect(edge.upstream.bytes).not.toMatch(/assertion/i);
    },
  );

  it('names the user on a public route too, where one is signed in', async () => {
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'pub.corp.test');
    const jwt = await assertionFor(cookie, 'pub.corp.test');
    expect((await verify(jwt, 'https://pub.corp.test')).ok).toBe(true);
  });

  it('is made once for half of its life, and anew when what it says has changed', async () => {
    const cookie = await edge.session('usr_adam', 'dev_laptop', 'app.corp.test');
    const first = await assertionFor(cookie);
    expect(await assertionFor(cookie)).toBe(first);
    edge.clock.offsetMs = 61_000;
    const second = await assertionFor(cookie);
    edge.clock.offsetMs = 0;
    expect(second).not.toBe(first);
    const { ...user } = edge.state.current.user('usr_adam');
    await edge.apply('directory', { ...user, groups: ['employees'] } as never);
    const third = await verify(await assertionFor(cookie));
    expect(third).toMatchObject({ claims: { groups: ['employees'] } });
    // The same certificate, given to another device: a session that is bound to none goes on.
    const unbound = await edge.session('usr_alice', null, 'pub.corp.test');
    const fourth = await verify(
      await assertionFor(unbound, 'pub.corp.test'),
      'https://pub.corp.test',
    );
    expect(fourth).toMatchObject({ claims: { deviceId: 'dev_laptop' } });
    const certificate = {
      op: 'device_certificate',
      sha256: edge.laptop.sha256,
      deviceId: 'dev_other',
      notBeforeMs: 0,
      notAfterMs: Date.now() + 1e9,
    } as const;
    await edge.apply('directory', certificate);
    const fifth = await verify(
      await assertionFor(unbound, 'pub.corp.test'),
      'https://pub.corp.test',
    );
    expect(fifth).toMatchObject({ claims: { deviceId: 'dev_other' } });
    await edge.apply('directory', { ...certificate, deviceId: 'dev_laptop' });
    const renewed = await edge.pki.deviceNamed('dev_laptop');
    edge.upstream.forget();
    await call(edge, { cookie, device: renewed });
    expect(await verify(assertions()[0] ?? '')).toMatchObject({
      claims: { certificateSha256: renewed.sha256 },
    });
  });

  it('is refused, and never cut, where it does not fit (row 78)', async () => {
    const groups = Array.from({ length: 100 }, (_, index) => `a-rather-long-group-name-${index}`);
    const wide = testDocuments(edge.pki, edge.upstream.port).map((document) =>
      document.kind === 'Route' && document.metadata.name === 'app'
        ? { ...document, spec: { ...document.spec, identity: { groups } } }
        : document,
    );
    await edge.apply('config', ...edge.configuration(wide));
    await edge.apply('directory', {
      op: 'user',
      id: 'usr_wide',
      email: 'wide@corp.test',
      displayName: 'wide',
      status: 'active',
      groups: ['employees', ...groups].toSorted(),
      employment: null,
    });
    edge.upstream.forget();
    const cookie = await edge.session('usr_wide', 'dev_laptop', 'app.corp.test');
    const response = await call(edge, { cookie });
    expect([response.status, response.body.includes('assertion_too_large')]).toEqual([500, true]);
    expect(edge.upstream.bytes).toBe('');
    const alice = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    expect((await call(edge, { cookie: alice })).status).toBe(200);
  });
});
