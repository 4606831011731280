import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, RawClient } from '../testing/client.ts';
import { TestEdge } from '../testing/edge.ts';
import { block, FrameClient, requestFields, types } from '../testing/frames.ts';
import { closed, secureSocket } from '../testing/h2-socket.ts';

let edge: TestEdge;
beforeAll(async () => {
  edge = await TestEdge.start();
});
afterAll(() => edge.stop());

async function openTcp(bytes: string): Promise<Socket> {
  const socket = connect(edge.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes, 'latin1');
  return socket;
}

describe('a client', () => {
  it.each([
    ['nothing', ''],
    ['half a hello', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('that sends %s is cut off within 10 s (rows 21 and 134)', async (_name, bytes) => {
    const begunAt = performance.now();
    const socket = await openTcp(bytes);
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
    await once(socket, 'close');
    // The limit itself is what is shown here.
    expect(performance.now() - begunAt).toBeLessThan(12_000);
  });

  it('that sends its headers byte by byte gets 408 and a record (row 134)', async () => {
    const client = await RawClient.connect(edge, 'pub.corp.test', edge.laptop);
    const text = `GET / HTTP/1.1\r\nHost: pub.corp.test\r\nX-Slow: ${'x'.repeat(1_000)}`;
    let at = 0;
    const timer = setInterval(() => {
      client.send(text[at] ?? 'x');
      at += 1;
    }, 100);
    const response = await client.response().finally(() => clearInterval(timer));
    expect(response.status).toBe(408);
    await client.closed();
    await expect
      .poll(() => edge.records.all.map(({ reasons }) => reasons[0]))
      .toContain('request_timeout');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['its preface', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')],
  ])(
    'that agreed on HTTP/2 and sends %s is cut off (row 134)',
    async (_name, bytes) => {
      const socket = await secureSocket(edge, 'pub.corp.test', edge.laptop);
      socket.resume().write(bytes);
      expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
      await closed(socket);
    },
    40_000,
  );

  it('that sends its headers byte by byte over HTTP/2 is cut off, and recorded (row 134)', async () => {
    await edge.settle();
    const raw = await FrameClient.connect(edge, 'pub.corp.test');
    const fields = requestFields(edge, '', { ':authority': 'pub.corp.test', ':path': '/slow' });
    raw.send(types.headers, 0, 1, block(fields));
    const timer = setInterval(() => {
      raw.send(types.continuation, 0, 1, block([['x', 'y']]));
    }, 300);
    await raw.closed().finally(() => clearInterval(timer));
    expect(edge.upstream.bytes).toBe('');
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ outcome: 'refused' });
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(200);
  }, 40_000);
});
