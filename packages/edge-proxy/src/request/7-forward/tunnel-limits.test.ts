import { once } from 'node:events';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RawClient } from '../testing/client.ts';
import { Http2Client, responseOf } from '../testing/client-h2.ts';
import { TestEdge } from '../testing/edge.ts';
import { setUpstream } from '../testing/upstream-spec.ts';
import { agree, webSocketRequest } from '../testing/web-socket.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  edge.upstream.script = agree;
});
afterAll(() => edge.stop());
beforeEach(() => edge.settle());

/** Opens one over each protocol; resolves with what each client got until its end. */
async function both(): Promise<{ opened: Promise<unknown>; ended: Promise<string[]> }> {
  const one = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  one.send(webSocketRequest(cookie));
  const two = await Http2Client.connect(edge);
  await once(two.session, 'remoteSettings');
  const stream = two.open({
    cookie,
    method: 'CONNECT',
    path: '/chat',
    headers: ['sec-websocket-version: 13'],
    pseudo: { ':protocol': 'websocket' },
  });
  const http2 = responseOf(stream);
  stream.once('end', () => stream.end());
  const http1 = one.response().then(async ({ status }) => {
    expect(status).toBe(101);
    await one.closed();
    return one.received;
  });
  const ended = Promise.all([http1, http2.then(({ body }) => body)]);
  ended.finally(() => two.close()).catch(() => undefined);
  return { opened: once(stream, 'response'), ended };
}

const endings = () => edge.records.all.map(({ ending }) => ending);

describe('a WebSocket over either protocol', () => {
  it('ends after so long without a byte as its route says', async () => {
    await setUpstream(edge, {}, { webSocket: { timeouts: { idle: '1s' } } });
    const { ended } = await both();
    for (const received of await ended) {
      expect(received).toMatch(/^\x88.\x03\xe9nothing has moved for too long$/s);
    }
    await expect.poll(endings).toEqual(['idle', 'idle']);
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
  });

  it('ends after so long in all, although something moves', async () => {
    await setUpstream(edge, {}, { webSocket: { timeouts: { idle: '1s', total: '1s' } } });
    const { opened, ended } = await both();
    await opened;
    const drip = setInterval(() => {
      for (const { socket } of edge.upstream.connections) {
        if (socket.writable) socket.write('\x89\x00', 'latin1');
      }
    }, 20);
    for (const received of await ended) {
      expect(received).toMatch(/\x89\x00\x88.\x03\xe9it has been open for as long as it may$/s);
    }
    clearInterval(drip);
    await expect.poll(endings).toEqual(['too_old', 'too_old']);
  });
});
