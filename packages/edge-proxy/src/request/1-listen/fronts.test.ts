import { once } from 'node:events';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient, type RawResponse } from '../testing/client.ts';
import { testDocuments } from '../testing/documents.ts';
import { TestEdge } from '../testing/edge.ts';
import {
  clientAt,
  forwardingFront,
  outerFront,
  proxyFront,
  speakFrom,
  withFronts,
} from '../testing/front.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  await edge.apply('config', ...edge.configuration(withFronts(edge)));
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

function from(localAddress: string): Promise<RawClient> {
  return RawClient.connect(edge, 'app.corp.test', edge.laptop, { localAddress });
}

/** A page that is for everybody, unless another is named. */
async function ask(
  client: RawClient,
  lines: readonly string[] = [],
  host = 'pub.corp.test',
): Promise<RawResponse> {
  const head = ['GET / HTTP/1.1', `Host: ${host}`, `Cookie: ${cookie}`, ...lines];
  client.send(`${head.join('\r\n')}\r\n\r\n`);
  return client.response();
}

/** Where the one request came from, which all that is said of it agrees on. */
async function sourceOfOne(): Promise<string> {
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [record] = edge.records.all;
  const source = record?.sourceAddress ?? '';
  expect(record?.facts?.sourceAddress).toBe(source);
  expect(edge.upstream.bytes.match(/^x-forwarded-for: .*$/gim)).toEqual([
    `X-Forwarded-For: ${source}`,
  ]);
  const node = source.includes(':') ? `"[${source}]"` : source;
  expect(edge.upstream.bytes.match(/^forwarded: [^;]*/gim)).toEqual([`Forwarded: for=${node}`]);
  return source;
}

async function codeOfOne(): Promise<unknown> {
  await expect.poll(() => edge.records.all.length).toBe(1);
  const [record] = edge.records.all;
  expect(record).toMatchObject({ outcome: 'refused', sourceAddress: proxyFront, status: 0 });
  expect(edge.upstream.bytes).toBe('');
  return record?.reasons;
}

describe('behind a front proxy that speaks PROXY protocol', () => {
  it.each([['203.0.113.7'], ['2001:db8::7']])(
    'a connection comes from the client that is named: %s',
    async (address) => {
      const client = await clientAt(edge, address);
      expect((await ask(client)).status).toBe(200);
      expect(await sourceOfOne()).toBe(address);
      client.close();
    },
  );

  it('the device is the client and not the proxy', async () => {
    const client = await clientAt(edge, '203.0.113.7');
    expect((await ask(client, [], 'app.corp.test')).status).toBe(200);
    await expect.poll(() => edge.records.all[0]?.deviceId).toBe('dev_laptop');
    client.close();
  });

  it('a client that is itself a front proxy says for whom it asks', async () => {
    const client = await clientAt(edge, outerFront);
    expect((await ask(client, ['X-Forwarded-For: 1.2.3.4, 203.0.113.7'])).status).toBe(200);
    expect(await sourceOfOne()).toBe('203.0.113.7');
    expect(edge.records.all[0]?.deviceId).toBeNull();
    expect((await ask(client)).status).toBe(400);
    client.close();
  });

  it('a connection of the proxy itself comes from the proxy', async () => {
    const local = proxyHeader('203.0.113.7', { command: 0 });
    const socket = await speakFrom(edge, proxyFront, local);
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop, { socket });
    expect((await ask(client)).status).toBe(200);
    expect(await sourceOfOne()).toBe(proxyFront);
    client.close();
  });

  it('X-Forwarded-For is the client’s own word (row 129)', async () => {
    const client = await clientAt(edge, '203.0.113.7');
    await ask(client, ['X-Forwarded-For: 198.51.100.77', `X-Forwarded-For: ${forwardingFront}`]);
    expect(await sourceOfOne()).toBe('203.0.113.7');
    client.close();
  });

  it.each<[string, Uint8Array, string]>([
    ['version 1', Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 1 2\r\n'), 'proxy_header_missing'],
    [
      'no header at all',
      Buffer.from('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdef', 'latin1'),
      'proxy_header_missing',
    ],
    ['datagrams', proxyHeader('203.0.113.7', { family: 0x12 }), 'proxy_header_invalid'],
    [
      'an entry that breaks off',
      proxyHeader('203.0.113.7', { extensions: Buffer.from([4, 0]) }),
      'proxy_header_invalid',
    ],
  ])('a connection with %s is closed and recorded (row 72)', async (_what, bytes, code) => {
    const socket = await speakFrom(edge, proxyFront, bytes);
    await once(socket, 'close');
    expect(await codeOfOne()).toEqual([code]);
  });

  it('a check of its load balancer leaves no record', async () => {
    const socket = await speakFrom(edge, proxyFront, Buffer.alloc(0));
    socket.end();
    await once(socket, 'close');
    const client = await clientAt(edge, '203.0.113.7');
    await ask(client);
    expect(await sourceOfOne()).toBe('203.0.113.7');
    client.close();
  });

  it('nobody else is believed: to TLS such a header is no hello (row 72)', async () => {
    for (const address of ['127.0.0.1', forwardingFront]) {
      const socket = await speakFrom(edge, address, proxyHeader('203.0.113.7'));
      await once(socket, 'close');
    }
    // The handshakes that came to nothing have their own records.
    await edge.settle();
    const client = await from('127.0.0.1');
    await ask(client);
    expect(await sourceOfOne()).toBe('127.0.0.1');
    client.close();
  });
});

describe('behind a front proxy that sets X-Forwarded-For', () => {
  it('each request of a connection comes from the client that it names', async () => {
    const client = await from(forwardingFront);
    for (const address of ['203.0.113.7', '2001:db8::7', '203.0.113.8']) {
      await edge.settle();
      expect((await ask(client, [`X-Forwarded-For: ${address}`])).status).toBe(200);
      expect(await sourceOfOne()).toBe(address);
    }
    client.close();
  });

  it.each([
    ['the last entry', ['X-Forwarded-For: 1.2.3.4, 203.0.113.7'], '203.0.113.7'],
    ['the last line', ['X-Forwarded-For: 1.2.3.4', 'x-forwarded-for: 203.0.113.7'], '203.0.113.7'],
    [
      'the last before front proxies',
      [`X-Forwarded-For: 1.2.3.4, 203.0.113.7 ,${outerFront}`],
      '203.0.113.7',
    ],
    [
      'the first of front proxies',
      [`X-Forwarded-For: ${forwardingFront}, ${outerFront}`],
      forwardingFront,
    ],
    [
      'no matter what stands before',
      ['X-Forwarded-For: unknown, "x", , 203.0.113.7'],
      '203.0.113.7',
    ],
    ['with a port', ['X-Forwarded-For: 203.0.113.7:41000'], '203.0.113.7'],
    ['in brackets', ['X-Forwarded-For: [2001:db8::7]'], '2001:db8::7'],
    ['in brackets with a port', ['X-Forwarded-For: [2001:DB8::7]:41000'], '2001:db8::7'],
    ['mapped into IPv6', ['X-Forwarded-For: ::ffff:203.0.113.7'], '203.0.113.7'],
    [
      'in no other spelling and no Forwarded',
      ['X_Forwarded_For: 1.2.3.4', 'Forwarded: for=1.2.3.4', 'X-Forwarded-For: 203.0.113.7'],
      '203.0.113.7',
    ],
  ])('the client is %s', async (_what, lines, address) => {
    const client = await from(forwardingFront);
    expect((await ask(client, lines)).status).toBe(200);
    expect(await sourceOfOne()).toBe(address);
    client.close();
  });

  it.each([
    ['203.0.113.7, unknown'],
    ['203.0.113.7, _hidden'],
    ['203.0.113.7,'],
    [''],
    ['fe80::1%eth0'],
    ['[fe80::1%25eth0]'],
    ['"203.0.113.7"'],
    ['203.0.113.7:99999'],
    ['203.0.113.7:'],
    ['[203.0.113.7]'],
    ['[2001:db8::7'],
    ['203.0.113.07'],
    ['203.0.113.256'],
    ['0x7f.0.0.1'],
    [`unknown, ${outerFront}`],
    [Array.from({ length: 40 }, () => outerFront).join(', ')],
  ])('a client that cannot be read is refused: %s', async (value) => {
    const client = await from(forwardingFront);
    const response = await ask(client, [`X-Forwarded-For: ${value}`]);
    expect([response.status, edge.upstream.bytes]).toEqual([400, '']);
    await client.closed();
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({
      outcome: 'refused',
      reasons: ['source_address_unclear'],
      sourceAddress: forwardingFront,
    });
  });

  it.each([
    ['it does not say', []],
    ['it says in another spelling', ['X_Forwarded_For: 203.0.113.7']],
    ['it says in Forwarded', ['Forwarded: for=203.0.113.7']],
    ['the client had it leave out', ['Connection: X-Forwarded-For']],
  ])('a client that %s is not taken for the proxy', async (_what, lines) => {
    const client = await from(forwardingFront);
    const response = await ask(client, lines);
    expect([response.status, edge.upstream.bytes]).toEqual([400, '']);
    await expect.poll(() => edge.records.all[0]?.reasons).toEqual(['source_address_unclear']);
  });

  it('its certificate makes it the device of none of its clients', async () => {
    const client = await from(forwardingFront);
    const lines = ['X-Forwarded-For: 203.0.113.7'];
    const refused = await ask(client, lines, 'app.corp.test');
    expect([refused.status, edge.upstream.bytes]).toEqual([403, '']);
    expect((await ask(client, lines)).status).toBe(200);
    await expect
      .poll(() => edge.records.all.map(({ deviceId, reasons }) => [deviceId, reasons[0]]))
      .toEqual([
        [null, 'device_certificate_missing'],
        [null, 'rule_allowed'],
      ]);
    client.close();
  });

  it('a refused request is recorded with the client that it names', async () => {
    const client = await from(forwardingFront);
    client.send('GET / HTTP/1.1\r\nHost: a, b\r\nX-Forwarded-For: 203.0.113.7\r\n\r\n');
    expect((await client.response()).status).toBe(400);
    await expect.poll(() => edge.records.all[0]?.sourceAddress).toBe('203.0.113.7');
  });

  it('nobody else is believed (row 129)', async () => {
    const client = await from('127.0.0.1');
    const claims = [
      'X-Forwarded-For: 203.0.113.7',
      'Forwarded: for=203.0.113.7',
      'X-Real-IP: 203.0.113.7',
      'CF-Connecting-IP: 203.0.113.7',
      'True-Client-IP: 203.0.113.7',
    ];
    expect((await ask(client, claims)).status).toBe(200);
    expect(await sourceOfOne()).toBe('127.0.0.1');
    expect(edge.upstream.bytes).not.toContain('203.0.113.7');
    client.close();
  });
});

describe('front proxies', () => {
  it('are believed only as long as the settings name them', async () => {
    const open = await from(forwardingFront);
    await edge.apply('config', ...edge.configuration(testDocuments(edge.pki, edge.upstream.port)));
    try {
      expect((await ask(open, ['X-Forwarded-For: 203.0.113.7'])).status).toBe(200);
      expect(await sourceOfOne()).toBe(forwardingFront);
      expect(edge.records.all[0]?.deviceId).toBe('dev_laptop');
      open.close();
      await edge.settle();
      const socket = await speakFrom(edge, proxyFront, proxyHeader('203.0.113.7'));
      await once(socket, 'close');
      await edge.settle();
      const client = await from(proxyFront);
      await ask(client);
      expect(await sourceOfOne()).toBe(proxyFront);
      client.close();
    } finally {
      await edge.apply('config', ...edge.configuration(withFronts(edge)));
    }
  });

  it('that have said nothing yet do not hold up the end of an edge', async () => {
    const ending = await TestEdge.start();
    await ending.apply('config', ...ending.configuration(withFronts(ending)));
    const socket = await speakFrom(ending, proxyFront, proxyHeader('203.0.113.7').subarray(0, 9));
    const client = await clientAt(ending, '203.0.113.7');
    const gone = once(socket, 'close');
    await ending.stop();
    await gone;
    client.close();
  });
});
