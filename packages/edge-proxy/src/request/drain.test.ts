import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { call, RawClient } from './testing/client.ts';
import { Http2Client } from './testing/client-h2.ts';
import { TestEdge } from './testing/edge.ts';
import { FrameClient, requestFields, types } from './testing/frames.ts';
import { agree, webSocketRequest } from './testing/web-socket.ts';

describe('draining', () => {
  it('takes no more connections, lets what is under way finish, and closes each connection', async () => {
    const edge = await TestEdge.start();
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.upstream.script = () => null;
    const idle = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    const busy = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    busy.send(`GET /slow HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    const drained = edge.worker.drain(10_000);
    await idle.closed();
    await expect(call(edge, { cookie })).rejects.toThrow();
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    const response = await busy.response();
    expect([response.body, response.header('connection')]).toEqual(['done', 'close']);
    await busy.closed();
    await drained;
    expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'complete' });
    await edge.upstream.stop();
  });

  it('tells WebSockets that it goes away, and records them', async () => {
    const edge = await TestEdge.start();
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.upstream.script = agree;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(webSocketRequest(cookie));
    expect((await client.response()).status).toBe(101);
    const drained = edge.worker.drain(30_000);
    expect(await client.until(/\x88[^]{3}this gateway is going away/)).toContain('\x03\xe9');
    await client.closed();
    await drained;
    expect(edge.records.all[0]).toMatchObject({ status: 101, ending: 'drained' });
    await edge.upstream.stop();
  });

  it('F42 with many WebSockets and an upload tells all of them, and each leaves its record', async () => {
    const edge = await TestEdge.start();
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.upstream.script = (head, connection) =>
      head.startsWith('POST') ? null : agree(head, connection);
    const tunnels = await Promise.all(
      Array.from({ length: 50 }, async () => {
        const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
        client.send(webSocketRequest(cookie));
        expect((await client.response()).status).toBe(101);
        return client;
      }),
    );
    const upload = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    upload.send(
      `POST /up HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\nContent-Length: 10\r\n\r\nfirst`,
    );
    await expect.poll(() => edge.upstream.bytes).toContain('first');
    const drained = edge.worker.drain(30_000);
    for (const client of tunnels) {
      expect(await client.until(/this gateway is going away/)).toContain('\x03\xe9');
      await client.closed();
    }
    // The upload has all the time of the drain.
    upload.send('-last');
    await expect.poll(() => edge.upstream.bytes).toContain('first-last');
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/up'));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    const response = await upload.response();
    expect([response.body, response.header('connection')]).toEqual(['done', 'close']);
    await drained;
    const endings = edge.records.all.map(({ status, ending }) => `${status} ${ending}`);
    expect(endings.filter((one) => one === '101 drained')).toHaveLength(50);
    expect(endings.filter((one) => one === '200 complete')).toHaveLength(1);
    expect(endings).toHaveLength(51);
    await edge.upstream.stop();
  });

  it('destroys what is still under way at the deadline, and records it', async () => {
    const edge = await TestEdge.start();
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.upstream.script = () => null;
    const busy = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    busy.send(`GET /slow HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    await edge.worker.drain(50);
    await busy.closed();
    expect(edge.records.all[0]).toMatchObject({ status: 0, ending: 'drained' });
    expect([edge.worker.openExchanges(), edge.worker.openConnections()]).toEqual([0, 0]);
    await edge.upstream.stop();
  });

  it('tells connections of HTTP/2 to go elsewhere, and lets what is under way finish', async () => {
    const edge = await TestEdge.start();
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    edge.upstream.script = () => null;
    const idle = await Http2Client.connect(edge);
    const busy = await Http2Client.connect(edge);
    const slow = busy.ask({ cookie, path: '/slow' });
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    const told = once(busy.session, 'goaway');
    const drained = edge.worker.drain(10_000);
    expect((await told)[0]).toBe(0);
    await idle.closed();
    const upstream = edge.upstream.connections.find(({ bytes }) => bytes.includes('/slow'));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    const { body, rstCode } = await slow;
    expect([body, rstCode]).toEqual(['done', 0]);
    await busy.closed();
    await drained;
    expect(edge.records.all[0]).toMatchObject({ status: 200, ending: 'complete' });
    expect(edge.worker.openConnections()).toBe(0);
    await edge.upstream.stop();
  });

  it('serves what was on its way over HTTP/2 when it began', async () => {
    const edge = await TestEdge.start();
    const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
    const idle = await FrameClient.connect(edge);
    await idle.first(types.settings, 0);
    const drained = edge.worker.drain(10_000);
    await idle.first(types.goAway, 0);
    idle.ask(1, requestFields(edge, cookie, { ':path': '/late' }));
    const { payload } = await idle.first(types.ping, 0);
    idle.send(types.ping, 0x1, 0, payload);
    await idle.first(types.headers, 1);
    await idle.closed();
    await drained;
    expect(edge.records.all).toMatchObject([{ path: '/late', status: 200, ending: 'complete' }]);
    await edge.upstream.stop();
  });
});
