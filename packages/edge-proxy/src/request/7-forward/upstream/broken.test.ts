import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../../testing/client.ts';
import { callOver, Http2Client, protocols, responseOf } from '../../testing/client-h2.ts';
import { TestEdge } from '../../testing/edge.ts';
import { setUpstream } from '../../testing/upstream-spec.ts';

/** Connections to an upstream without TLS, whose resets reach the edge as they are. */
let edge: TestEdge;
let cookie: string;
let asked: string[];
let answer: (socket: Socket) => void;
const server = createServer((socket) => {
  socket.on('error', () => undefined);
  socket.setEncoding('latin1').on('data', (text: string) => {
    asked.push(text);
    answer(socket);
  });
});

beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  await edge.stop();
  server.close();
});
beforeEach(async () => {
  await edge.settle();
  asked = [];
  const { port } = server.address() as AddressInfo;
  const url = `http://upstream.corp.localhost:${port}`;
  const plain = { url, plainHttp: true, trustBundle: undefined } as const;
  await setUpstream(edge, { ...plain, timeouts: { idle: '1s' }, retry: { budgetPercent: 50 } });
});

const half = {
  'a length': 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf',
  chunks: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n',
  'the end of its connection': 'HTTP/1.1 200 OK\r\n\r\nhalf',
} as const;

/** Reads until half of an answer is there, and after `then` whether the rest makes it look whole. */
async function looksWhole(
  protocol: (typeof protocols)[number],
  then: () => void,
): Promise<boolean> {
  if (protocol === 'h2') {
    const client = await Http2Client.connect(edge);
    const stream = client.open({ cookie });
    stream.end();
    stream.once('data', then);
    const { body, rstCode } = await responseOf(stream);
    client.close();
    expect(body).toBe('half');
    return rstCode === 0;
  }
  const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  client.send(`GET / HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
  await client.until(/half/);
  then();
  await client.closed();
  return client.received.endsWith('0\r\n\r\n');
}

describe('F31 an answer that breaks off', () => {
  const framings = ['a length', 'chunks', 'the end of its connection'] as const;
  const cases = protocols.flatMap((protocol) =>
    framings.map((framing) => [framing, protocol] as const),
  );

  it.each(cases)(
    'by a reset does not look whole, framed by %s, over %s',
    async (framing, protocol) => {
      let upstream: Socket | undefined;
      answer = (socket) => {
        upstream = socket;
        socket.write(half[framing]);
      };
      expect(await looksWhole(protocol, () => upstream?.resetAndDestroy())).toBe(false);
      expect(asked.length).toBe(1);
      await expect.poll(() => edge.records.all.length).toBe(1);
      expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'upstream_failed' });
    },
  );

  it.each(protocols)('by silence does not look whole, over %s', async (protocol) => {
    answer = (socket) => socket.write(half.chunks);
    expect(await looksWhole(protocol, () => undefined)).toBe(false);
    expect(asked.length).toBe(1);
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'upstream_failed' });
  });
});

describe('F31 a request whose connection is reset before any answer', () => {
  it.each(protocols)('is not sent again where it may have been done, over %s', async (protocol) => {
    answer = (socket) => socket.resetAndDestroy();
    for (const more of [
      { method: 'POST' },
      { method: 'PATCH', body: 'x' },
      { method: 'PUT', body: 'x' },
    ]) {
      asked = [];
      const response = await callOver[protocol](edge, { cookie, ...more });
      expect([response.status, asked.length]).toEqual([502, 1]);
    }
  });

  it('with part of its body sent is not sent again', async () => {
    answer = (socket) => {
      if (asked.join('').includes('first')) socket.resetAndDestroy();
    };
    const client = await Http2Client.connect(edge);
    const stream = client.open({ cookie, method: 'PUT' });
    const response = responseOf(stream);
    stream.write('first');
    expect((await response).status).toBe(502);
    expect(asked.join('').match(/^PUT /gm)?.length).toBe(1);
    client.close();
  });
});
