import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../testing/client.ts';
import { callOver, protocols } from '../testing/client-h2.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import { ok } from '../testing/recorder.ts';

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

function head(line: string, ...more: string[]): string {
  return `${[line, 'Host: app.corp.test', `Cookie: ${cookie}`, ...more].join('\r\n')}\r\n\r\n`;
}

async function record() {
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [only] = edge.records.all;
  if (only === undefined) throw new Error('no record');
  return only;
}

describe('forwarding', () => {
  it.each(protocols)(
    'asks the upstream for exactly the canonical path and the query as it came over %s',
    async (protocol) => {
      const call = callOver[protocol];
      for (const [sent, forwarded] of [
        ['/a/./b/../c', '/a/c'],
        ['/%61%2D%7e', '/a-~'],
        ['/x%c3%a9?q=%2e%2e/&r=//x', '/x%C3%A9?q=%2e%2e/&r=//x'],
        ['/a%20b/c', '/a%20b/c'],
        ['/?', '/?'],
      ]) {
        edge.upstream.forget();
        expect((await call(edge, { cookie, path: sent ?? '' })).status).toBe(200);
        expect(edge.upstream.bytes.split(' ')[1]).toBe(forwarded);
      }
      edge.upstream.forget();
      for (const sent of [
        '/a//b',
        '/a%2fb',
        '/a%5cb',
        '/%2e%2e/a',
        '/a;b',
        '/%zz',
        '/%252e',
        '/a%00',
      ]) {
        const response = await call(edge, { cookie, path: sent });
        expect([sent, response.status]).toEqual([sent, 400]);
      }
      expect(edge.upstream.bytes).toBe('');
    },
  );

  it.each(protocols)(
    'takes our cookies away over %s and leaves the others byte for byte and in order (row 75)',
    async (protocol) => {
      const call = callOver[protocol];
      const around = async (before: string, after: string) => {
        edge.upstream.forget();
        await call(edge, { cookie: `${before}${cookie}${after}` });
        return /^cookie: (.*)$/m.exec(edge.upstream.bytes)?.[1]?.trimEnd();
      };
      const odd = 'q="a b";  z= 1;\ty;é=ü';
      expect(await around('', '')).toBeUndefined();
      expect(await around('a=1; ', '; b=2')).toBe('a=1; b=2');
      expect(await around(`${odd}; `, '')).toBe(odd);
      expect(await around('', `; ${odd}`)).toBe(odd);
      expect(
        await around('__Host-sallyport-return-slot-000=x; a=1; ', '; __HOST-SALLYPORT-X=y'),
      ).toBe('a=1');
      expect(await around('__Host-sallyportal=kept; ', '')).toBe('__Host-sallyportal=kept');
    },
  );

  it('passes on what is between client and application, and nothing between neighbours', async () => {
    await call(edge, {
      cookie,
      headers: [
        'Authorization: Bearer theirs',
        'Accept-Language: de',
        'X-Custom_Name: kept',
        'Keep-Alive: timeout=9',
        'Proxy-Authorization: Basic x',
        'TE: trailers',
        'Connection: X-Hop',
        'X-Hop: gone',
        'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00',
      ],
    });
    const { bytes } = edge.upstream;
    expect(bytes).toMatch(/^Authorization: Bearer theirs\r$/m);
    expect(bytes).toMatch(/^X-Custom_Name: kept\r$/m);
    expect(bytes).not.toMatch(/^(keep-alive|proxy-authorization|te|x-hop):/im);
    expect(bytes).toMatch(/^traceparent: 00-0af7651916cd43dd8448eb211c80319c-[0-9a-f]{16}-01\r$/m);
    expect(bytes).not.toContain('b7ad6b7169203331');
    const { correlationId } = await record();
    expect(bytes).toContain(`Sallyport-Request-Id: ${correlationId}\r\n`);
  });

  it('streams a body to the upstream as it comes, with its length', async () => {
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(`${head('PUT /up HTTP/1.1', 'Content-Length: 10')}12345`);
    await expect.poll(() => edge.upstream.bytes).toMatch(/\r\n\r\n12345$/);
    expect(edge.upstream.bytes).toMatch(/^content-length: 10\r$/m);
    client.send('67890');
    expect((await client.response()).status).toBe(200);
    client.send(`${head('POST /up HTTP/1.1', 'Transfer-Encoding: chunked')}3\r\nabc\r\n`);
    await expect.poll(() => edge.upstream.bytes).toMatch(/3\r\nabc$/);
    client.send('0\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    expect(edge.upstream.bytes).toMatch(/0\r\n\r\n$/);
    client.close();
    await expect.poll(() => edge.records.all.map(({ bytesIn }) => bytesIn)).toEqual([10, 3]);
  });

  it('streams a response as it comes', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n';
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(head('GET /events HTTP/1.1'));
    await client.until(/one\r\n/);
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/events'));
    upstream?.socket.write('3\r\ntwo\r\n0\r\n\r\n');
    await client.until(/two\r\n0\r\n\r\n/);
    client.close();
    expect(await record()).toMatchObject({ status: 200, bytesOut: 6, ending: 'complete' });
  });

  it('gives the upstream up when the client goes away', async () => {
    edge.upstream.script = () => null;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(head('GET /slow HTTP/1.1'));
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    client.close();
    if (upstream?.socket.closed === false) await once(upstream.socket, 'close');
    expect(await record()).toMatchObject({ outcome: 'permit', status: 0, ending: 'client_closed' });
    expect(edge.worker.openExchanges()).toBe(0);
  });

  it('lets the client read an answer that comes before its body has gone', async () => {
    edge.upstream.script = () => null;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(`${head('POST /early HTTP/1.1', 'Content-Length: 20')}first`);
    await expect.poll(() => edge.upstream.bytes).toContain('first');
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/early'));
    upstream?.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno');
    const response = await client.response();
    expect([response.status, response.body]).toEqual([413, 'no']);
    client.close();
  });

  it.each(protocols)(
    'takes headers that are ours out of responses over %s, and passes the rest on (row 46)',
    async (protocol) => {
      const call = callOver[protocol];
      edge.upstream.script = () =>
        [
          'HTTP/1.1 200 Fine',
          'Set-Cookie: __Host-sallyport=stolen; Path=/; Secure',
          'Set-Cookie: =__Host-sallyport=stolen; Path=/; Secure',
          'Set-Cookie: = __Host-sallyport-return-slot-000=x',
          'Set-Cookie: a=1; Path=/',
          'set-cookie: __host-sallyport-signin-slot-000=x',
          'Set-Cookie: b=2',
          'Sallyport-Assertion: x',
          'Sallyport_Request_Id: x',
          'X-Forwarded-User: x',
          'Alt-Svc: h3=":443"',
          'Connection: X-Hop',
          'X-Hop: gone',
          'X-Kept: yes',
          'X-Twice: 1',
          'X-Twice: 2',
          'Content-Length: 2',
          '',
          'hi',
        ].join('\r\n');
      const response = await call(edge, { cookie });
      expect(response.all('set-cookie')).toEqual(['a=1; Path=/', 'b=2']);
      expect(response.all('x-twice')).toEqual(['1', '2']);
      expect(response.header('x-kept')).toBe('yes');
      expect(response.all('sallyport-request-id').length).toBe(1);
      for (const name of ['sallyport-assertion', 'alt-svc', 'x-hop', 'x-forwarded-user']) {
        expect(response.header(name)).toBeUndefined();
      }
    },
  );

  it.each([
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello'],
    [
      'a length and chunks',
      'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nhello',
    ],
    ['a control in a header', 'HTTP/1.1 200 OK\r\nX: a\x01b\r\nContent-Length: 0\r\n\r\n'],
    ['no HTTP at all', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['a status that is none', 'HTTP/1.1 099 Odd\r\nContent-Length: 0\r\n\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(10_000)}\r\n`],
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    ],
    ['interim answers without end', 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(100)],
    ['an interim 100', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n'],
  ])('answers 502 to an upstream that sends %s (row 46)', async (_name, bytes) => {
    edge.upstream.script = () => bytes;
    const response = await call(edge, { cookie, method: 'POST', body: 'x' });
    expect(response.status).toBe(502);
    const { outcome, status, reasons } = await record();
    expect([outcome, status]).toEqual(['permit', 502]);
    // Of a connection that undici itself ends for this, it says no more than that it is gone.
    const cut = /^HTTP\/1.1 10[01] /.test(bytes);
    expect(reasons[1]).toBe(cut ? 'upstream_unreachable' : 'upstream_bad_response');
    edge.upstream.script = ok;
    expect((await call(edge, { cookie })).status).toBe(200);
  });

  it.each(protocols)('takes a length away where there is no content, over %s', async (protocol) => {
    for (const status of [204, 205]) {
      edge.upstream.script = () => `HTTP/1.1 ${status} None\r\nContent-Length: 2\r\n\r\nhi`;
      const response = await callOver[protocol](edge, { cookie });
      expect([response.status, response.header('content-length')]).toEqual([status, undefined]);
    }
  });

  it('passes an interim answer over', async () => {
    edge.upstream.script = () =>
      'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi';
    expect((await call(edge, { cookie })).body).toBe('hi');
  });

  it('never lets a surplus answer meet another request (rows 45, M19)', async () => {
    const answer = (body: string) =>
      `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    edge.upstream.script = () => answer('right') + answer('POISON');
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    for (let count = 0; count < 5; count += 1) {
      client.send(head('GET /one HTTP/1.1'));
      const response = await client.response();
      expect(response.body).not.toBe('POISON');
    }
    client.close();
  });

  it('breaks off a response that the upstream broke off', async () => {
    edge.upstream.script = (_head, { socket }) => {
      socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf');
      return null;
    };
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(head('GET / HTTP/1.1'));
    await client.closed();
    expect(client.received).toMatch(/half$/);
    expect(await record()).toMatchObject({ status: 200, ending: 'upstream_failed' });
  });

  it('tries a request without a body once more when the connection broke under it (row 77)', async () => {
    let seen = 0;
    edge.upstream.script = (_head, connection) => {
      seen += 1;
      if (seen > 1) return ok('', connection);
      connection.socket.destroy();
      return null;
    };
    expect((await call(edge, { cookie })).status).toBe(200);
    expect(seen).toBe(2);
    expect(edge.upstream.bytes.match(/^Sallyport-Assertion:/gm)?.length).toBe(2);
    seen = 0;
    const posted = await call(edge, { cookie, method: 'POST', body: 'x' });
    expect([posted.status, seen]).toEqual([502, 1]);
  });

  it('keeps requests of users and of anybody on different connections', async () => {
    const user = await edge.session('usr_alice', 'dev_laptop', 'pub.corp.test');
    await call(edge, { host: 'pub.corp.test', cookie: user, path: '/as-user' });
    await call(edge, { host: 'pub.corp.test', path: '/as-anyone' });
    const [one] = edge.upstream.connections.filter(({ bytes }) => bytes.includes('/as-user'));
    expect(one?.bytes).not.toContain('/as-anyone');
  });

  it('answers HEAD without a body, from upstreams and from us alike', async () => {
    edge.upstream.script = () => 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n';
    const forwarded = await call(edge, { cookie, method: 'HEAD' });
    expect([forwarded.status, forwarded.header('content-length')]).toEqual([200, '5']);
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send('HEAD / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    const refused = await client.response('HEAD');
    expect(refused.status).toBe(401);
    expect(Number(refused.header('content-length'))).toBeGreaterThan(0);
    client.send('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n');
    expect((await client.response()).status).toBe(401);
    client.close();
  });

  it('shows its own certificate to the upstream and wants the upstream to prove its name', async () => {
    await call(edge, { cookie });
    const connection = edge.upstream.connections.findLast(({ bytes }) => bytes !== '');
    expect(connection?.socket.getPeerX509Certificate()?.subject).toContain('edg_test');
    const retarget = async (spec: object, code: string, status: number) => {
      const documents = testDocuments(edge.pki, edge.upstream.port).map((document) =>
        document.kind === 'Route' && document.metadata.name === 'app'
          ? { ...document, spec: { ...document.spec, upstream: spec as never } }
          : document,
      );
      await edge.apply('config', ...edge.configuration(documents));
      edge.upstream.forget();
      const response = await call(edge, { cookie });
      expect([response.status, response.body.includes(code)]).toEqual([status, true]);
      expect(edge.upstream.bytes).toBe('');
    };
    const { port } = edge.upstream;
    const trustBundle = 'upstreams';
    // The name in the URL, and not the one in the request's Host header, is what must be proved.
    const other = { url: `https://app.corp.localhost:${port}`, trustBundle };
    await retarget(other, 'upstream_untrusted', 502);
    const unknown = { url: `https://upstream.corp.localhost:${port}` };
    await retarget(unknown, 'upstream_untrusted', 502);
    const nobody = { url: 'https://upstream.corp.localhost:1', trustBundle };
    await retarget(nobody, 'upstream_unreachable', 502);
    // Addresses inside that the settings do not open (row 127).
    for (const url of ['https://10.1.2.3', 'https://169.254.169.254', 'https://[::1]:1']) {
      await retarget({ url, trustBundle }, 'upstream_address_refused', 502);
    }
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, port)));
    expect((await call(edge, { cookie })).status).toBe(200);
  });
});
