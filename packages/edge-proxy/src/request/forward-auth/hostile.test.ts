import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { SecureVersion } from 'node:tls';
import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { caddyAsks, closed, codeOf, Fronts, nginxAsks, open, page } from '../testing/asking.ts';
import { RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { issue } from '../testing/pki.ts';
import { handshake } from '../testing/web-socket.ts';

/** The link to front proxies, under attack: from the network, through a front proxy, and by one. */

let edge: TestEdge;
let fronts: Fronts;
beforeAll(async () => {
  edge = await TestEdge.start();
  fronts = await Fronts.of(edge);
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());
// Whatever was asked: nothing is forwarded, and whoever asks next is answered.
afterEach(async () => {
  expect(edge.upstream.bytes).toBe('');
  expect((await fronts.ask(fronts.caddy, caddyAsks(open))).status).toBe(200);
});

const signedIn = async () => `Cookie: ${await edge.session('usr_alice', null, closed)}`;
async function tcp(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  return socket;
}
const question = (lines: readonly string[]) =>
  `GET /verdict HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n`;

describe('somebody on the network', () => {
  it('is not heard without the certificate of a front proxy, that of a device included', async () => {
    const expired = await issue(edge.pki.edge, { commonName: 'old', usage: 'client', days: -1 });
    const [caddy, nginx] = fronts.proxies();
    const registered = [{ ...caddy, certificates: [fronts.caddy.sha256, expired.sha256] }, nginx];
    await fronts.register(registered as ReturnType<Fronts['proxies']>);
    for (const identity of [null, edge.laptop, edge.stranger, expired]) {
      const client = await fronts.connect(identity);
      client.send(question(caddyAsks(open)));
      await client.closed();
      expect(client.received).toBe('');
      expect(await edge.records.first(() => true)).toMatchObject({
        outcome: 'refused',
        reasons: ['front_proxy_unknown'],
        sourceAddress: '127.0.0.1',
        certificateSha256: identity?.sha256 ?? null,
        status: 0,
      });
      await edge.settle();
    }
    await fronts.register();
  });

  it('is not spoken to in older versions of TLS, nor in another protocol than HTTP/1.1', async () => {
    const old = (maxVersion: SecureVersion) =>
      RawClient.connect(edge, open, fronts.caddy, { port: fronts.port, maxVersion });
    await expect(old('TLSv1.2')).rejects.toThrow(/protocol version/);
    const two = { port: fronts.port, ALPNProtocols: ['h2'] };
    await expect(RawClient.connect(edge, open, fronts.caddy, two)).rejects.toThrow();
    expect(edge.records.all.map(({ reasons }) => reasons)).toEqual([
      ['tls_failed'],
      ['tls_failed'],
    ]);
  });

  it('has room for connections within that of the public listener, and gives it back', async () => {
    await expect.poll(() => edge.connectionRoom.open).toBe(0);
    const silent = await Promise.all(Array.from({ length: 20 }, () => tcp(fronts.port)));
    await expect.poll(() => edge.connectionRoom.open).toBe(20);
    for (const socket of silent) socket.destroy();
    await expect.poll(() => edge.connectionRoom.open).toBe(0);
  });

  it('finds no other way to a verdict: what is no question is refused and recorded once (row 144)', async () => {
    const bytes = ['nonsense\r\n\r\n', 'GET / HTTP/1.1\r\nA b\r\n\r\n'];
    for (const text of bytes) {
      const client = await fronts.connect(fronts.caddy);
      client.send(text);
      expect((await client.response()).status).toBe(400);
      await client.closed();
      await expect
        .poll(() => edge.records.all.map(({ reasons }) => reasons))
        .toEqual([['malformed']]);
      await edge.settle();
    }
    for (const first of ['CONNECT a:1 HTTP/1.1', 'GET http://pub.corp.test/verdict HTTP/1.1']) {
      const answer = await fronts.ask(fronts.caddy, caddyAsks(open), first);
      expect([first, answer.status]).toEqual([first, expect.toSatisfy((s) => s >= 400 && s < 500)]);
      await expect.poll(() => edge.records.all.length).toBe(1);
      await edge.settle();
    }
  });
});

describe('a hostile client of a front proxy', () => {
  it('cannot say who it is: such headers would reach the application', async () => {
    const claims = [
      'Sallyport-Assertion: forged',
      'sallyport_assertion: forged',
      'X-Sallyport-User: alice',
      'Remote-User: alice',
      'REMOTE_USER: alice',
      'X-Forwarded-User: alice',
      'X-Auth-Request-Email: alice@corp.test',
      'Cf-Access-Jwt-Assertion: x',
    ];
    for (const claim of claims) {
      const answer = await fronts.ask(fronts.caddy, [...caddyAsks(open), claim]);
      expect([claim, answer.status, codeOf(answer)]).toEqual([claim, 400, 'header_reserved']);
      expect((await fronts.ask(fronts.nginx, [...nginxAsks(open), claim])).status).toBe(403);
    }
  });

  it('cannot say which device it has (row 17)', async () => {
    const claims = [
      'X-Forwarded-Client-Cert: Hash=abc',
      'X-Client-Cert: abc',
      'SSL-Client-Cert: abc',
      'X-SSL-Client-Verify: SUCCESS',
      'Client-Cert: :MIIB:',
      'client_cert: :MIIB:',
    ];
    for (const claim of claims) {
      const answer = await fronts.ask(fronts.nginx, [...nginxAsks(open), claim]);
      expect([claim, answer.status]).toEqual([claim, 403]);
    }
    const records = edge.records.all;
    expect(records.map(({ deviceId, certificateSha256 }) => [deviceId, certificateSha256])).toEqual(
      claims.map(() => [null, null]),
    );
    // Nor in the header of a front proxy of the other kind, or of one that is not let.
    const other = [...caddyAsks(closed), 'X-Original-Client-Certificate: x', await signedIn()];
    expect((await fronts.ask(fronts.caddy, other)).status).toBe(200);
    expect((await edge.records.first(({ outcome }) => outcome === 'permit')).facts?.device).toEqual(
      { kind: 'none' },
    );
  });

  it('cannot ask for something else than is judged, by headers that applications believe', async () => {
    const overrides = [
      'X-Original-URL: /admin',
      'X-Rewrite-URL: /admin',
      'X-HTTP-Method-Override: DELETE',
      'X-Method-Override: DELETE',
      'X-Host: other.corp.test',
      'Forwarded: for=10.0.0.1; Host =other.corp.test',
      'X-Forwarded-Prefix: /admin',
      'Proxy: http://evil.test',
    ];
    for (const line of overrides) {
      const answer = await fronts.ask(fronts.caddy, [...caddyAsks(open), line]);
      expect([line, answer.status, codeOf(answer)]).toEqual([line, 400, 'header_reserved']);
    }
    // What the other dialect calls the address, whether it agrees or not.
    for (const uri of ['/admin', '/']) {
      const forNginx = [...nginxAsks(open), `X-Forwarded-Uri: ${uri}`];
      expect((await fronts.ask(fronts.nginx, forNginx)).status).toBe(403);
      const forCaddy = [...caddyAsks(open), `X-Original-URI: ${uri}`];
      expect((await fronts.ask(fronts.caddy, forCaddy)).status).toBe(400);
    }
    const host = (of: string) => [...nginxAsks(open), `X-Forwarded-Host: ${of}`];
    expect((await fronts.ask(fronts.nginx, host('evil.test'))).status).toBe(403);
    expect((await fronts.ask(fronts.nginx, host(open))).status).toBe(200);
    // Where it has been is nobody's identity.
    const been = ['X-Forwarded-For: 10.0.0.1', 'Via: 1.1 x', 'Forwarded: for=10.0.0.1'];
    expect((await fronts.ask(fronts.nginx, [...nginxAsks(open), ...been])).status).toBe(200);
    expect(edge.records.all.at(-1)?.sourceAddress).toBe('203.0.113.9');
  });

  it('cannot write an address that is cut in another way', async () => {
    const uris = [
      'http://pub.corp.test/',
      'pub.corp.test/',
      '*',
      '',
      '/a b',
      '/a#b',
      '/a\\b',
      '/\x80',
    ];
    for (const uri of uris) {
      const answer = await fronts.ask(fronts.caddy, caddyAsks(open, uri));
      expect([uri, answer.status]).toEqual([uri, 400]);
    }
    for (const method of ['get', 'TRACE', 'CONNECT', 'G ET', '']) {
      const answer = await fronts.ask(fronts.caddy, caddyAsks(open, '/', method));
      expect([method, answer.status]).toEqual([method, expect.toSatisfy((s) => s >= 400)]);
    }
    for (const host of [
      '',
      'pub.corp.test/x',
      'pub.corp.test@evil',
      'pub.corp.test, x',
      '127.0.0.1',
    ]) {
      const answer = await fronts.ask(fronts.caddy, caddyAsks(host));
      expect([host, answer.status]).toEqual([host, expect.toSatisfy((s) => s >= 400)]);
    }
    for (const host of ['PUB.corp.test', 'pub.corp.test.', 'pub.corp.test:8443']) {
      expect((await fronts.ask(fronts.caddy, caddyAsks(host))).status).toBe(200);
    }
  });

  it('cannot leave HTTP behind: WebSockets by origin, nothing else (h2c)', async () => {
    const cookie = await signedIn();
    const key = handshake.filter((line) => /^sec-websocket/i.test(line));
    const from = (origin: string) => [...key, cookie, `Origin: ${origin}`];
    const lines = (...more: string[]) => [...nginxAsks(closed), ...more];
    // nginx asks without `Upgrade`, unless it is told otherwise.
    expect((await fronts.ask(fronts.nginx, lines(...from('https://evil.test')))).status).toBe(403);
    expect(edge.records.all.at(-1)?.reasons[0]).toBe('origin_refused');
    expect((await fronts.ask(fronts.nginx, lines(...from(`https://${closed}`)))).status).toBe(200);
    // Caddy passes it on.
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket', ...from('https://evil.test')];
    expect((await fronts.ask(fronts.caddy, [...caddyAsks(closed), ...upgrade])).status).toBe(403);
    const good = ['Connection: Upgrade', 'Upgrade: websocket', ...from(`https://${closed}`)];
    const answer = await fronts.ask(fronts.caddy, [...caddyAsks(closed), ...good]);
    expect([answer.status, answer.header('upgrade')]).toEqual([200, undefined]);
    for (const more of [
      ['Upgrade: h2c'],
      ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__'],
      ['Upgrade: websocket', 'Upgrade: h2c'],
      ['Connection: upgrade', 'Upgrade: websocket, h2c', ...key],
    ]) {
      const { status } = await fronts.ask(fronts.caddy, [...caddyAsks(closed), cookie, ...more]);
      expect([more, status]).toEqual([more, 400]);
    }
  });

  it('gets no answer meant for browsers of another origin, whatever its route says of CORS', async () => {
    const shared: ConfigurationDocument = {
      apiVersion,
      kind: 'Route',
      metadata: { name: 'shared' },
      spec: {
        match: [{ host: 'shared.fin.test' }],
        policies: ['staff'],
        upstream: { url: 'https://app.corp.localhost', trustBundle: 'upstreams' },
        cors: { allowOrigins: ['https://partner.test'] },
      },
    };
    await fronts.register(fronts.proxies(), { more: [shared] });
    const preflight = ['Origin: https://partner.test', 'Access-Control-Request-Method: GET'];
    const asked = caddyAsks('shared.fin.test', '/', 'OPTIONS');
    expect((await fronts.ask(fronts.caddy, [...asked, ...preflight])).status).toBe(401);
    expect(edge.records.all.at(-1)).toMatchObject({ outcome: 'sign_in', status: 401 });
    await fronts.register();
  });

  it('is sent to sign in once, and then told that it has no effect: there is no loop', async () => {
    // It asks for a hardware key, and this session was made a moment ago without one.
    const strong = 'strong.corp.test';
    const made = { deviceId: null, authenticatedAtMs: Date.now() };
    const cookie = `Cookie: ${await edge.session('usr_alice', null, strong, made)}`;
    const again = await fronts.ask(fronts.caddy, [...caddyAsks(strong), ...page, cookie]);
    expect([again.status, again.header('location')]).toEqual([403, undefined]);
    expect(again.body).toContain('sign_in_no_effect');
  });
});

describe('a hostile front proxy', () => {
  it('is not heard any more once its certificate is blocked or taken out of the settings', async () => {
    const client = await fronts.connect(fronts.nginx);
    const asked = question(nginxAsks(open));
    client.send(asked);
    expect((await client.response()).status).toBe(200);
    const id = fronts.nginx.sha256;
    await edge.apply('revoke', {
      op: 'block',
      kind: 'certificate',
      subjectId: id,
      revocationId: 'rev_front',
      expiresAtMs: null,
    });
    client.send(asked);
    await client.closed();
    expect(client.received).toBe('');
    expect(edge.records.all.at(-1)).toMatchObject({
      reasons: ['front_proxy_unknown'],
      certificateSha256: id,
    });
    const lifted = { op: 'lifted_block', kind: 'certificate', revocationId: 'rev_front' } as const;
    await edge.apply('revoke', { ...lifted, subjectId: id });
    const other = await fronts.connect(fronts.nginx);
    other.send(asked);
    expect((await other.response()).status).toBe(200);
    await fronts.register(fronts.proxies().slice(0, 1));
    other.send(asked);
    await other.closed();
    expect(other.received).toBe('');
    await fronts.register();
  });

  it('reaches our own endpoints for its hosts, and nothing is forwarded through them', async () => {
    const own = '/.well-known/sallyport';
    const raw = async (path: string, host: string, more: string[] = caddyAsks(open)) => {
      const client = await fronts.connect(fronts.caddy);
      client.send(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${more.join('\r\n')}\r\n\r\n`);
      const answer = await client.response();
      client.close();
      return answer;
    };
    const keys = await raw(`${own}/jwks.json`, open);
    expect([keys.status, JSON.parse(keys.body)]).toMatchObject([200, { keys: [{ kid: 'own' }] }]);
    expect(edge.records.all.at(-1)).toMatchObject({ outcome: 'own', sourceAddress: '203.0.113.9' });
    for (const path of [
      '/../../admin',
      '/%2e%2e/%2e%2e/',
      '/./jwks.json',
      '//jwks.json',
      '/%6awks.json',
    ]) {
      const { status } = await raw(own + path, open);
      expect([path, status]).toEqual([path, expect.toSatisfy((s) => s === 400 || s === 403)]);
    }
    expect((await raw(`${own}/jwks.json`, 'app.corp.test')).status).toBe(421);
    expect((await raw(`${own}/jwks.json`, 'nobody.fin.test')).status).toBe(404);
    expect((await raw(`${own}/jwks.json`, open, caddyAsks(open).slice(0, 3))).status).toBe(400);
    expect((await raw('/page', open)).status).toBe(400);
  });
});
