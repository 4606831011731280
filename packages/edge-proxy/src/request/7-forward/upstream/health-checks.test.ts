import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../../testing/client.ts';
import { TestEdge } from '../../testing/edge.ts';
import { ok, type Script } from '../../testing/recorder.ts';
import { type ExtraTarget, startTarget } from '../../testing/targets.ts';
import { setUpstream } from '../../testing/upstream-spec.ts';

let edge: TestEdge;
let one: ExtraTarget;
let two: ExtraTarget;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  [one, two] = await Promise.all([startTarget(edge, 'one'), startTarget(edge, 'two')]);
});
afterAll(async () => {
  await edge.stop();
  await Promise.all([one.recorder.stop(), two.recorder.stop()]);
});
beforeEach(async () => {
  await edge.settle();
  for (const { recorder } of [one, two]) recorder.script = ok;
});

const path = '/_well';
const patience = { timeout: 20_000, interval: 200 };
const health = { path, interval: '9s', timeout: '9s', healthyAfter: 1, unhealthyAfter: 1 };
/** Checks are due again, each time that somebody looks. */
function soon<T>(look: () => T): () => T {
  return () => {
    edge.clock.offsetMs += 9_000;
    return look();
  };
}
const isCheck = (bytes: string) => bytes.startsWith(`GET ${path} `);
/** Well as an application, and unwell where it is asked. */
const unwell: Script = (head, connection) =>
  isCheck(head) ? 'HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n' : ok(head, connection);
const checks = ({ recorder }: ExtraTarget) =>
  recorder.connections.filter(({ bytes }) => isCheck(bytes));

describe('health checks', () => {
  it('have connections of their own, and nothing of any client in them', async () => {
    await setUpstream(edge, { url: undefined, targets: [{ url: one.url }], health });
    await call(edge, { cookie: `${cookie}; a=1`, headers: ['Authorization: Bearer x', 'X-A: y'] });
    await expect
      .poll(
        soon(() => checks(one).length),
        patience,
      )
      .toBeGreaterThan(1);
    for (const { bytes } of checks(one)) {
      expect(bytes.trimEnd().split('\r\n').sort()).toEqual([
        `GET ${path} HTTP/1.1`,
        'accept: */*',
        'connection: close',
        'host: app.corp.test',
        'user-agent: Sallyport-Health-Check',
      ]);
    }
    const others = one.recorder.connections.filter(({ bytes }) => bytes !== '' && !isCheck(bytes));
    expect(others.length).toBe(1);
    expect(others[0]?.bytes).not.toContain(path);
    // None of them is a request: there is no record of it.
    expect(edge.records.all.map((record) => record.path)).toEqual(['/']);
  });

  it('keep requests from targets that are not well, until they are', async () => {
    await setUpstream(edge, {
      url: undefined,
      targets: [{ url: one.url }, { url: two.url }],
      health,
    });
    one.recorder.script = unwell;
    await expect
      .poll(
        soon(() => edge.logged.join()),
        patience,
      )
      .toContain('upstream.target_unhealthy');
    one.recorder.forget();
    two.recorder.forget();
    for (let count = 0; count < 12; count += 1) {
      expect((await call(edge, { cookie, path: '/a' })).status).toBe(200);
    }
    expect(one.recorder.bytes).not.toContain('GET /a ');
    // None is well: that is said at once, and nobody is asked.
    two.recorder.script = (_head, { socket }) => {
      socket.destroy();
      return null;
    };
    const status = async () => (await call(edge, { cookie, method: 'POST', body: 'x' })).status;
    await expect.poll(soon(status), patience).toBe(503);
    expect((await call(edge, { cookie })).body).toContain('"upstream_no_healthy"');
    expect(edge.worker.upstreams()).toMatchObject({ healthy: 0, unhealthy: 2 });
    one.recorder.script = ok;
    await expect.poll(soon(status), patience).toBe(200);
    expect(edge.logged.join()).toContain('upstream.target_healthy');
  });

  it('follow nobody elsewhere, and read no more than shows whether the target is well', async () => {
    const targets = [{ url: one.url }];
    const state = () => edge.worker.upstreams();
    const comesTo = async (
      script: Script,
      statuses: readonly number[] | undefined,
      well: boolean,
    ) => {
      one.recorder.forget();
      two.recorder.forget();
      one.recorder.script = script;
      const asked = statuses === undefined ? health : { ...health, statuses: [...statuses] };
      await setUpstream(edge, { url: undefined, targets, health: asked });
      await call(edge, { cookie, path: '/begun' });
      const checked = () => [checks(one).length > 0, state().healthy, state().unhealthy];
      const expected = [true, well ? 1 : 0, well ? 0 : 1];
      await expect.poll(soon(checked), patience).toEqual(expected);
      expect(two.recorder.bytes).toBe('');
    };
    const away: Script = (head, connection) =>
      isCheck(head)
        ? `HTTP/1.1 302 Found\r\nLocation: ${two.url}${path}\r\nContent-Length: 0\r\n\r\n`
        : ok(head, connection);
    await comesTo(away, undefined, true);
    await comesTo(away, [200], false);
    const endless: Script = (head, connection) => {
      if (!isCheck(head)) return ok(head, connection);
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n');
      return 'x'.repeat(200_000);
    };
    await comesTo(endless, [200, 201], true);
    const first = checks(one)[0];
    await expect.poll(() => first?.socket.destroyed, patience).toBe(true);
  });

  it('are so many at once, however many targets there are', async () => {
    const open = new Set<Socket>();
    const mute = createServer((socket) => {
      open.add(socket.on('error', () => undefined).resume());
      socket.once('close', () => open.delete(socket));
    });
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const { port } = mute.address() as AddressInfo;
    const checked = { ...health, interval: '10m', timeout: '10m' };
    const route = (number: number): ConfigurationDocument => ({
      apiVersion: 'sallyport.dev/v1',
      kind: 'Route',
      metadata: { name: `many-${number}` },
      spec: {
        match: [{ host: `many-${number}.fin.test` }],
        policies: ['open'],
        upstream: {
          plainHttp: true,
          health: checked,
          targets: Array.from({ length: 32 }, (_, at) => ({
            url: `http://t${at}.corp.localhost:${port}`,
          })),
        },
      },
    });
    await edge.configure(...Array.from({ length: 9 }, (_, number) => route(number)));
    await expect.poll(() => open.size, patience).toBe(256);
    // The rest have their turn as soon as there is room, and no sooner.
    const seen = new Set(open);
    for (const socket of [...open].slice(0, 20)) socket.destroy();
    const turn = () => [open.size, [...open].filter((socket) => !seen.has(socket)).length];
    await expect.poll(turn, patience).toEqual([256, 20]);
    await edge.configure();
    await expect.poll(() => open.size, patience).toBe(0);
    mute.close();
  });

  it('end with the configuration that asked for them', async () => {
    await setUpstream(edge, {});
    const before = checks(one).length;
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect((await call(edge, { cookie })).status).toBe(200);
    one.recorder.forget();
    two.recorder.forget();
    // Longer than an interval, seen by the checks of another route.
    await setUpstream(edge, { health: { ...health, path: '/_other' } }, {}, 'reader');
    const others = () => edge.upstream.bytes.split('GET /_other').length;
    await expect.poll(soon(others), patience).toBeGreaterThan(3);
    expect([checks(one).length, checks(two).length, before > 0]).toEqual([0, 0, true]);
  });
});
