import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { apiVersion, type ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { closed, Fronts } from '../testing/asking.ts';
import { Browser } from '../testing/browser.ts';
import { type Call, call, RawClient, type RawResponse } from '../testing/client.ts';
import { signInHost } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import {
  type FrontProgram,
  freePort,
  frontPrograms,
  RunningFront,
} from '../testing/front-program.ts';
import { issue } from '../testing/pki.ts';
import { handshake } from '../testing/web-socket.ts';

/** The examples in infra/forward-auth, run by the proxies that they are for. */

let edge: TestEdge;
let fronts: Fronts;
let cookie: string;
let dir: string;
const reached: { readonly request: IncomingMessage; readonly body: string }[] = [];
const app = createServer((request, response) => {
  text(request).then(
    (body) => {
      reached.push({ request, body });
      response.end('the application');
    },
    () => response.destroy(),
  );
});
app.on('upgrade', (request: IncomingMessage, socket) => {
  reached.push({ request, body: '' });
  const key = request.headers['sec-websocket-key'] ?? '';
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${request.headers.upgrade}\r\n` +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  socket.on('error', () => undefined).pipe(socket);
});

const everybody: ConfigurationDocument = {
  apiVersion,
  kind: 'Route',
  metadata: { name: 'everybody' },
  spec: {
    match: [{ host: closed, path: '/open/**' }],
    policies: ['open'],
    upstream: { url: 'https://app.corp.localhost', trustBundle: 'upstreams' },
  },
};

beforeAll(async () => {
  edge = await TestEdge.start();
  fronts = await Fronts.of(edge);
  cookie = await edge.session('usr_alice', null, closed);
  dir = await mkdtemp(join(tmpdir(), 'sallyport-fronts-'));
  app.listen(0, '127.0.0.1');
  await once(app, 'listening');
});
afterAll(async () => {
  app.closeAllConnections();
  app.close();
  await edge.stop();
  await rm(dir, { recursive: true });
});
beforeEach(async () => {
  await edge.settle();
  reached.length = 0;
});

async function start(program: FrontProgram): Promise<RunningFront> {
  const front = await issue(edge.pki.edge, { commonName: 'front', usage: 'client', days: 5 });
  const served = await edge.pki.servers(closed);
  const { dialect } = program;
  const hosts = ['*.fin.test', 'pub.corp.test'];
  const entry = { name: 'front', certificates: [front.sha256], dialect, hosts };
  await fronts.register([{ ...entry, deviceCertificates: true }], { more: [everybody] });
  const site = {
    dir: join(dir, program.name),
    host: closed,
    port: await freePort(),
    verdicts: fronts.port,
    app: (app.address() as AddressInfo).port,
  };
  return RunningFront.start(program, site, {
    'wiki.pem': served.cert,
    'wiki.key.pem': served.key,
    'front.pem': front.cert,
    'front.key.pem': front.key,
    'edge-ca.pem': edge.pki.server.certificatePem,
  });
}

describe.each(frontPrograms)('the example for $name', (program) => {
  describe.skipIf(!existsSync(program.program))('run by it', () => {
    let running: RunningFront | null = null;
    beforeAll(async () => {
      running = await start(program);
    }, 30_000);
    afterAll(() => running?.stop());

    const socket = () => {
      if (running === null) throw new Error('it does not run');
      return running.connect();
    };
    const ask = async (path: string, more: Call = {}): Promise<RawResponse> =>
      call(edge, { host: closed, path, device: null, socket: await socket(), ...more });
    const header = (name: string) => reached[0]?.request.headers[name];
    const isNginx = program.dialect === 'nginx';

    it('lets through who may pass, with our word for it, which the client never sees', async () => {
      const answer = await ask('/page?q=1', { cookie });
      expect([answer.status, answer.body]).toEqual([200, 'the application']);
      expect(answer.headers.filter(([name]) => name.startsWith('sallyport'))).toEqual([]);
      expect(reached.map(({ request }) => request.url)).toEqual(['/page?q=1']);
      expect(header('sallyport-assertion')).toMatch(/^eyJ[^.,]+\.[^.,]+\.[^.,]+$/);
      expect(edge.records.all).toMatchObject([
        { outcome: 'permit', method: 'GET', host: closed, path: '/page', ending: 'verdict' },
      ]);
      expect(edge.records.all[0]?.sourceAddress).toBe('127.0.0.1');
    });

    it('hands bodies on, and asks without them', async () => {
      const answer = await ask('/form', { cookie, method: 'POST', body: 'a=b' });
      expect(answer.status).toBe(200);
      expect(reached.map(({ body, request }) => [request.method, body])).toEqual([['POST', 'a=b']]);
      expect(edge.records.all).toMatchObject([{ method: 'POST', bytesIn: 0 }]);
    });

    it('asks anew for each request: nothing is kept of a verdict', async () => {
      expect((await ask('/page', { cookie })).status).toBe(200);
      expect((await ask('/page')).status).toBe(401);
      expect((await ask('/page', { cookie })).status).toBe(200);
      expect(edge.records.all.map(({ outcome }) => outcome)).toEqual([
        'permit',
        'sign_in',
        'permit',
      ]);
    });

    it('lets nobody say who it is, nor what it asks for, in any spelling', async () => {
      const claims = ['Sallyport-Assertion: forged', 'sallyport_assertion: forged'];
      for (const line of claims) {
        const { status } = await ask('/open/page', { headers: [line] });
        // nginx asks with them and Caddy takes them away before that.
        expect([line, status]).toEqual([line, expect.toSatisfy((s) => s === 200 || s === 403)]);
      }
      for (const { request } of reached) expect(request.rawHeaders.join()).not.toContain('forged');
      reached.length = 0;
      const others = ['X-Original-URL: /admin', 'X-HTTP-Method-Override: PUT', 'Remote-User: root'];
      for (const line of others) {
        const { status } = await ask('/open/page', { headers: [line] });
        expect([line, status]).toEqual([line, expect.toSatisfy((s) => s === 400 || s === 403)]);
      }
      expect(reached).toEqual([]);
      // What it says itself takes the place of what a client said.
      const own = isNginx
        ? [
            'X-Original-URI: /open/x',
            'X-Original-Method: OPTIONS',
            'X-Original-Host: pub.corp.test',
          ]
        : [
            'X-Forwarded-Uri: /open/x',
            'X-Forwarded-Method: OPTIONS',
            'X-Forwarded-Host: pub.corp.test',
          ];
      expect((await ask('/page', { headers: own })).status).toBe(401);
      expect(edge.records.all.at(-1)).toMatchObject({ host: closed, path: '/page', method: 'GET' });
      expect(reached).toEqual([]);
    });

    it('says of nobody who is not signed in who it is', async () => {
      expect((await ask('/open/page')).status).toBe(200);
      expect(header('sallyport-assertion') ?? '').toBe('');
    });

    it('forwards for the host that was asked about, whatever host a client writes', async () => {
      // Anybody may see that host, and the front proxy may ask about it.
      for (const of of ['pub.corp.test', `${closed}.`, 'other.fin.test', 'PUB.CORP.TEST']) {
        const client = await RawClient.connect(edge, closed, null, { socket: await socket() });
        client.send(`GET /page HTTP/1.1\r\nHost: ${of}\r\nConnection: close\r\n\r\n`);
        const answer = await client.response();
        expect([of, answer.body]).not.toEqual([of, 'the application']);
        client.close();
      }
      expect(reached).toEqual([]);
    });

    it('keeps out a path that could be read in another way', async () => {
      const paths = ['/a%62', '/a//b', '/open/../page', '/open/%2e%2e/page', '/open/..;/page'];
      for (const path of [...paths, '/open/..%2fpage', '/open/%252e%252e/page', '/a;b']) {
        const { status } = await ask(path, { cookie });
        expect([path, status]).toEqual([path, expect.toSatisfy((s) => s >= 400 && s < 404)]);
      }
      const whole = [`https://${closed}/page`, `http://pub.corp.test/page`];
      for (const target of whole) {
        const { body } = await ask(target, {});
        expect([target, body]).not.toEqual([target, 'the application']);
      }
      expect(reached).toEqual([]);
    });

    it('passes WebSockets on from pages of the host, and no other protocol', async () => {
      const open = async (...lines: string[]) => {
        const client = await RawClient.connect(edge, closed, null, { socket: await socket() });
        client.send(
          [`GET /chat HTTP/1.1`, `Host: ${closed}`, `Cookie: ${cookie}`, ...lines, '', ''].join(
            '\r\n',
          ),
        );
        return client;
      };
      const good = await open(...handshake, `Origin: https://${closed}`);
      expect((await good.response()).status).toBe(101);
      good.send('hello');
      await good.until(/hello/);
      good.close();
      const foreign = await open(...handshake, 'Origin: https://evil.test');
      expect((await foreign.response()).status).toBe(403);
      foreign.close();
      const h2c = [
        'Connection: Upgrade, HTTP2-Settings',
        'Upgrade: h2c',
        'HTTP2-Settings: AAMAAAB',
      ];
      const other = await open(...h2c);
      expect((await other.response()).status).toBeGreaterThanOrEqual(400);
      other.close();
      expect(reached).toHaveLength(1);
    });

    it('says which device its client has, as its TLS has it and no header does (row 17)', async () => {
      expect((await ask('/page', { cookie, device: edge.laptop })).status).toBe(200);
      expect(edge.records.all.at(-1)).toMatchObject({
        deviceId: 'dev_laptop',
        certificateSha256: edge.laptop.sha256,
      });
      const claimed = isNginx
        ? `X-Original-Client-Certificate: ${encodeURIComponent(edge.laptop.cert)}`
        : `Client-Cert: :${edge.laptop.cert.split('-----')[2]?.replaceAll('\n', '') ?? ''}:`;
      expect((await ask('/page', { cookie, headers: [claimed] })).status).toBe(200);
      expect(edge.records.all.at(-1)).toMatchObject({ deviceId: null, certificateSha256: null });
    });

    it('keeps out who is not signed in, and sends browsers there and back to the page', async () => {
      expect((await ask('/', { method: 'POST' })).status).toBe(401);
      expect(reached).toEqual([]);
      const browser = new Browser(edge);
      // An old cookie, which is taken back, is no reason to go round.
      browser.cookies(closed).set('__Host-sallyport', 'opens-nothing');
      const here = async (path: string) => browser.get(closed, path, { socket: await socket() });
      const away = await here('/start?x=1');
      expect([away.status, away.header('cache-control')]).toEqual([302, 'no-store']);
      const provider = browser.location(await browser.follow(away));
      expect(provider.origin).toBe('https://idp.corp.test');
      const back = new URL(provider.searchParams.get('redirect_uri') ?? '');
      back.searchParams.set('code', 'c0de');
      back.searchParams.set('state', provider.searchParams.get('state') ?? '');
      const called = await browser.get(signInHost, back.pathname + back.search);
      const handOver = browser.location(called);
      const handedOver = await here(handOver.pathname + handOver.search);
      expect([handedOver.status, handedOver.header('location')]).toEqual([302, '/start?x=1']);
      const page = await here('/start?x=1');
      expect([page.status, page.body]).toEqual([200, 'the application']);
      expect(edge.records.all.at(-1)).toMatchObject({
        userId: 'usr_alice',
        deviceId: 'dev_laptop',
      });
    });

    it('leaves our own endpoints to the edge, and the place of verdicts to nobody', async () => {
      const keys = await ask('/.well-known/sallyport/jwks.json');
      expect([keys.status, JSON.parse(keys.body)]).toMatchObject([200, { keys: [{ kid: 'own' }] }]);
      for (const path of ['/verdict', '/.sallyport-verdict']) {
        expect((await ask(path)).status).toBeGreaterThanOrEqual(401);
      }
      for (const path of [
        '/.well-known/sallyport/../../page',
        '/.well-known/sallyport/%2e%2e/page',
      ]) {
        expect((await ask(path, { cookie })).status).toBeGreaterThanOrEqual(400);
      }
      expect(reached).toEqual([]);
    });

    it('lets nobody through while the edge cannot decide', async () => {
      edge.sheds = true;
      try {
        expect((await ask('/page', { cookie })).status).toBeGreaterThanOrEqual(500);
      } finally {
        edge.sheds = false;
      }
      expect(reached).toEqual([]);
    });
  });
});
