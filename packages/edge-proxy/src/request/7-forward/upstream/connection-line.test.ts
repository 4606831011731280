import { once } from 'node:events';
import { constants } from 'node:http2';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../../testing/client.ts';
import { Http2Client } from '../../testing/client-h2.ts';
import { TestEdge } from '../../testing/edge.ts';
import { ok } from '../../testing/recorder.ts';
import { setUpstream } from '../../testing/upstream-spec.ts';
import { agree } from '../../testing/web-socket.ts';

let edge: TestEdge;
let cookie: string;
let client: Http2Client;
let usual: number;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  usual = edge.connectionRoom.descriptorsMax;
});
afterAll(() => edge.stop());
beforeEach(async () => {
  await setUpstream(edge, {});
  client = await Http2Client.connect(edge);
  await once(client.session, 'remoteSettings');
});
afterEach(async () => {
  edge.upstream.script = ok;
  client.close();
  edge.connectionRoom.descriptorsMax = usual;
  await edge.settle();
  for (const { socket } of edge.upstream.connections.splice(0)) socket.destroy();
  await expect.poll(() => edge.connectionRoom.upstreams, patient).toBe(0);
});

const patient = { timeout: 20_000 };
const silent = () => null;
const open = () => edge.upstream.connections.filter(({ socket }) => !socket.destroyed);
const paths = ['/1', '/2', '/3', '/4', '/5'];

describe('connections to upstreams', () => {
  it('are no more than there are file descriptors for; the others wait for one of these (F27)', async () => {
    edge.connectionRoom.descriptorsMax = 2;
    edge.upstream.script = silent;
    const asked = paths.map((path) => client.ask({ cookie, path }));
    await expect.poll(() => edge.upstream.bytes.match(/^GET /gm)?.length, patient).toBe(2);
    const state = () => edge.worker.upstreams();
    await expect.poll(() => state().waiting, patient).toBe(3);
    expect([open().length, state().connections]).toEqual([2, 2]);
    // Clients and the operations listener have room of their own.
    expect((await call(edge, { path: '/not-signed-in' })).status).toBe(401);
    edge.upstream.script = ok;
    for (const connection of open()) connection.socket.write(ok('', connection) ?? '');
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual(paths.map(() => 200));
    expect(open().length).toBeLessThanOrEqual(2);
    expect(state().busy.connections).toBe(0);
  });

  it('that nobody uses give way to those of other routes', async () => {
    expect((await call(edge, { host: 'pub.corp.test', device: null })).status).toBe(200);
    expect((await call(edge, { host: 'reader.corp.test', device: null })).status).toBe(200);
    expect(edge.worker.upstreams()).toMatchObject({ idle: 2, connections: 2 });
    edge.connectionRoom.descriptorsMax = 2;
    // The wait of the route is over before they would close by themselves.
    expect((await client.ask({ cookie })).status).toBe(200);
    expect(edge.worker.upstreams().busy.connections).toBe(0);
  });

  it('that cannot be had in time are 503 upstream_busy, and no fault of the target', async () => {
    edge.connectionRoom.descriptorsMax = 1;
    const targets = ['upstream', 'other'].map((name) => ({
      url: `https://${name}.corp.localhost:${edge.upstream.port}`,
      serverName: 'upstream.corp.localhost',
    }));
    const limits = { queueWait: '1s' };
    await setUpstream(edge, { url: undefined, targets, limits, ejection: { failures: 1 } });
    edge.upstream.script = silent;
    const first = client.ask({ cookie, path: '/first' });
    await expect.poll(() => edge.upstream.bytes, patient).toContain('/first');
    const busy = await client.ask({ cookie, path: '/second' });
    expect([busy.status, busy.body.includes('"upstream_busy"')]).toEqual([503, true]);
    await expect.poll(() => edge.records.all.at(-1)?.reasons, patient).toContain('upstream_busy');
    const figures = edge.worker.upstreams();
    expect(figures).toMatchObject({ busy: { connections: 1 }, retries: { tried: 0 }, ejected: 0 });
    expect(edge.upstream.bytes).not.toContain('/second');
    for (const connection of open()) connection.socket.write(ok('', connection) ?? '');
    expect((await first).status).toBe(200);
  });

  it('are made for nobody who has gone while waiting for one', async () => {
    edge.connectionRoom.descriptorsMax = 1;
    edge.upstream.script = silent;
    const first = client.ask({ cookie, path: '/first' });
    await expect.poll(() => edge.upstream.bytes, patient).toContain('/first');
    const gone = paths.map((path) => client.open({ cookie, path }));
    await expect.poll(() => edge.worker.upstreams().waiting, patient).toBe(paths.length);
    for (const stream of gone) stream.close(constants.NGHTTP2_CANCEL);
    await expect.poll(() => edge.worker.openExchanges(), patient).toBe(1);
    const made = edge.upstream.connections.length;
    const { busy } = edge.worker.upstreams();
    // Of another route, behind those that have gone.
    const second = client.ask({ host: 'pub.corp.test', pseudo: { ':authority': 'pub.corp.test' } });
    await expect.poll(() => edge.worker.openExchanges(), patient).toBe(2);
    edge.upstream.script = ok;
    for (const connection of open()) connection.socket.write(ok('', connection) ?? '');
    expect([(await first).status, (await second).status]).toEqual([200, 200]);
    expect(edge.upstream.connections.length).toBe(made + 1);
    await expect.poll(() => edge.worker.upstreams(), patient).toMatchObject({ active: 0, busy });
  });

  it('are counted for as long as a tunnel has one, however many of these a client has on one connection', async () => {
    edge.connectionRoom.descriptorsMax = 2;
    await setUpstream(edge, { limits: { queueWait: '1s' } });
    edge.upstream.script = agree;
    const tunnel = () =>
      client.open({
        cookie,
        method: 'CONNECT',
        headers: ['sec-websocket-version: 13'],
        pseudo: { ':protocol': 'websocket' },
      });
    const tunnels = [tunnel(), tunnel()];
    await Promise.all(tunnels.map((stream) => once(stream, 'response')));
    expect(edge.worker.upstreams()).toMatchObject({ active: 0, connections: 2 });
    const [refused] = (await once(tunnel(), 'response')) as [Record<string, unknown>];
    expect(refused[':status']).toBe(503);
    tunnels[0]?.destroy();
    await expect.poll(() => edge.connectionRoom.upstreams, patient).toBe(1);
    const [accepted] = (await once(tunnel(), 'response')) as [Record<string, unknown>];
    expect(accepted[':status']).toBe(200);
  });
});
