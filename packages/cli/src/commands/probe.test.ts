import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import {
  apiVersion,
  type ConfigurationDocument,
  type RouteDocument,
} from '@sallyport/shared/configuration/documents';
import { createAuthority, issueWithNewKey } from '@sallyport/shared/pki/issue';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AdminServer, startAdminServer } from '../testing/admin-server.ts';
import { run } from '../testing/run.ts';

/** Of every upstream, in the order in which they came. */
const heard: string[] = [];
const servers: Server[] = [];
const documents: ConfigurationDocument[] = [];
/** What no probe is to be sent to. */
const elsewhere = 'elsewhere.localhost:1';
let admin: AdminServer;

async function listen(server: Server): Promise<number> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

function route(
  name: string,
  port: number,
  more: Partial<Omit<RouteDocument['spec'], 'upstream'>> = {},
  upstream: Partial<RouteDocument['spec']['upstream']> = {},
): void {
  documents.push({
    apiVersion,
    kind: 'Route',
    metadata: { name },
    spec: {
      match: [{ host: `${name}.corp.example`, path: '/docs/{id}/**' }],
      policies: ['staff'],
      ...more,
      upstream: { url: `https://up.localhost:${port}`, trustBundle: 'own', ...upstream },
    },
  });
}

beforeAll(async () => {
  const authority = await createAuthority({ name: 'upstreams', days: 2 });
  const order = { commonName: 'up', dns: ['up.localhost'], usage: 'server', days: 1 } as const;
  const { certificatePem: cert, privateKeyPem: key } = await issueWithNewKey(authority, order);
  documents.push({
    apiVersion,
    kind: 'TrustBundle',
    metadata: { name: 'own' },
    spec: { use: ['upstream'], certificates: authority.certificatePem },
  });
  const serve = async (name: string, answer: RequestListener, options = {}): Promise<number> =>
    listen(
      createServer({ cert, key, ...options }, (request, response) => {
        const how = request.headers['sallyport-assertion'] === undefined ? 'without' : 'forged';
        heard.push(`${name} ${how} ${request.method} ${request.headers.host}${request.url}`);
        answer(request, response);
      }),
    );
  route('a-open', await serve('open', (_, response) => response.end('hello')));
  route(
    'b-believing',
    await serve('believing', ({ headers }, response) => {
      const [, claims = ''] = String(headers['sallyport-assertion'] ?? '').split('.');
      const text = Buffer.from(claims, 'base64url').toString() || '{}';
      const { aud } = JSON.parse(text) as { readonly aud?: string };
      response.writeHead(aud === 'believing' ? 200 : 401).end();
    }),
    { audience: 'believing' },
  );
  route('c-strict', await serve('strict', (_, response) => response.writeHead(403).end()));
  route(
    'd-mutual',
    await serve('mutual', (_, response) => response.end(), {
      requestCert: true,
      ca: authority.certificatePem,
    }),
  );
  route(
    'e-redirecting',
    await serve('redirecting', ({ url, headers }, response) => {
      if (url === '/docs/')
        response.writeHead(302, { location: `https://${headers.host}//${elsewhere}/home` });
      response.end();
    }),
  );
  route(
    'f-elsewhere',
    await serve('elsewhere', (_, response) =>
      response.writeHead(302, { location: 'https://login.example/' }).end(),
    ),
  );
  route('g-failing', await serve('failing', (_, response) => response.writeHead(500).end()));
  route(
    'h-untrusted',
    await serve('untrusted', (_, response) => response.end()),
    {},
    {
      serverName: 'other.example',
    },
  );
  route('i-silent', await listen(createTcp()));
  const closed = createTcp();
  const port = await listen(closed);
  await new Promise((resolve) => closed.close(resolve));
  route('j-unreachable', port);
  admin = await startAdminServer();
  admin.answer(() => ({ status: 200, body: { version: 7, documents } }));
});
afterAll(async () => {
  await admin.close();
  for (const server of servers) server.close();
});

interface Item {
  readonly route: string;
  readonly result: string;
  readonly detail: string;
  readonly withoutAssertion: number | null;
  readonly withForged: number | null;
}

async function probe(...more: string[]): Promise<{ code: number; items: readonly Item[] }> {
  heard.length = 0;
  const { code, stdout } = await run(['probe', '--json', '--timeout', '1s', ...more], {
    env: admin.env,
  });
  return { code, items: (JSON.parse(stdout) as { items: Item[] }).items };
}

describe('sallyport probe', () => {
  it('says of its durations once what they are, and in their unit', async () => {
    const { stdout } = await run(['probe', '--help'], { env: {} });
    expect(stdout).toMatch(/--timeout <duration> +for each request \(default: 5s\)\n/);
    expect(stdout).toMatch(/--within <duration> +for all of them \(default: 2m\)\n/);
  });

  it('says of the live configuration which upstreams answer somebody who is no edge', async () => {
    const { code, items } = await probe();
    expect(code).toBe(9);
    expect(
      items.map((one) => [one.route, one.result, one.withoutAssertion, one.withForged]),
    ).toEqual([
      ['a-open', 'answers-without-assertion', 200, null],
      ['b-believing', 'accepts-forged', 401, 200],
      ['c-strict', 'refuses', 403, 403],
      ['d-mutual', 'refuses', null, null],
      ['e-redirecting', 'answers-without-assertion', 200, null],
      ['f-elsewhere', 'unclear', 302, null],
      ['g-failing', 'unclear', 500, null],
      ['h-untrusted', 'unclear', null, null],
      ['i-silent', 'unclear', null, null],
      ['j-unreachable', 'unreachable', null, null],
    ]);
    const detail = Object.fromEntries(items.map((one) => [one.route, one.detail]));
    expect(detail).toMatchObject({
      'd-mutual': 'wants a client certificate',
      'f-elsewhere': '302 to https://login.example/',
      'h-untrusted': 'ERR_TLS_CERT_ALTNAME_INVALID',
      'i-silent': 'no answer within 1 s',
      'j-unreachable': 'ECONNREFUSED',
    });
    expect(heard.toSorted()).toEqual([
      'believing forged GET b-believing.corp.example/docs/',
      'believing without GET b-believing.corp.example/docs/',
      'elsewhere without GET f-elsewhere.corp.example/docs/',
      'failing without GET g-failing.corp.example/docs/',
      'open without GET a-open.corp.example/docs/',
      `redirecting without GET e-redirecting.corp.example//${elsewhere}/home`,
      'redirecting without GET e-redirecting.corp.example/docs/',
      'strict forged GET c-strict.corp.example/docs/',
      'strict without GET c-strict.corp.example/docs/',
    ]);
  });

  it('ends with 0 where nothing is open, and asks nobody but the routes that are chosen', async () => {
    const { code, items } = await probe('--route', 'c-strict', '--method', 'HEAD');
    expect([code, items.map(({ result }) => result)]).toEqual([0, ['refuses']]);
    expect(heard).toEqual([
      'strict without HEAD c-strict.corp.example/docs/',
      'strict forged HEAD c-strict.corp.example/docs/',
    ]);
    const rest = ['a-open', 'b-believing', 'e-redirecting', 'i-silent'];
    expect((await probe(...rest.flatMap((name) => ['--except', name]))).code).toBe(0);
  });

  it('takes documents in the place of the live configuration, without a token', async () => {
    const given = documents.filter(({ metadata }) => ['a-open', 'own'].includes(metadata.name));
    const stdin = given.map((document) => JSON.stringify(document)).join('\n---\n');
    const ran = await run(['probe', '-'], { stdin });
    expect([ran.code, ran.stderr]).toEqual([9, '']);
    expect(ran.stdout).toMatch(/^ROUTE .*\na-open +https:.* answers-without-assertion +200 /);
  });

  it.each([
    [['--method', 'POST'], 2],
    [['--route', 'nowhere'], 3],
    [['--concurrency', '0'], 2],
    [['--timeout', '2h'], 2],
  ])('refuses %s', async (more, code) => {
    expect((await run(['probe', ...more], { env: admin.env })).code).toBe(code);
  });
});
