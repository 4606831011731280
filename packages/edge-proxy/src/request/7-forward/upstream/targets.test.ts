import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../../testing/client.ts';
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
  one = await startTarget(edge, 'one');
  two = await startTarget(edge, 'two');
});
afterAll(async () => {
  await edge.stop();
  await one.recorder.stop();
  await two.recorder.stop();
});
let round = 0;
beforeEach(async () => {
  await edge.settle();
  edge.clock.offsetMs = 0;
  // Another route name has other targets: nothing of the test before is left.
  round += 1;
  for (const { recorder } of [one, two]) {
    recorder.forget();
    recorder.script = ok;
  }
});

const broken: Script = (_head, { socket }) => {
  socket.destroy();
  return null;
};

/** The route goes to both, with timeouts of its own, so that no connection of before is kept. */
async function both(more: object = {}): Promise<void> {
  await setUpstream(edge, {
    url: undefined,
    targets: [{ url: one.url }, { url: two.url }],
    timeouts: { total: `${3_600 + round}s` },
    ...more,
  });
}

/** Requests that are never tried twice, one after the other; how each was answered. */
async function post(times: number): Promise<number[]> {
  const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  const statuses: number[] = [];
  for (let count = 0; count < times; count += 1) {
    const head = `POST /p HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}`;
    client.send(`${head}\r\nContent-Length: 1\r\n\r\nx`);
    statuses.push((await client.response()).status);
  }
  client.close();
  return statuses;
}
const asked = ({ recorder }: ExtraTarget) => recorder.bytes.match(/POST \/p /g)?.length ?? 0;

describe('several targets', () => {
  it('share the requests, each over connections of its own', async () => {
    await both();
    expect(new Set(await post(24))).toEqual(new Set([200]));
    expect(asked(one)).toBeGreaterThan(0);
    expect(asked(two)).toBeGreaterThan(0);
    expect(asked(one) + asked(two)).toBe(24);
    expect(one.recorder.bytes).toMatch(/^X-Forwarded-Host: app\.corp\.test/m);
  });

  it('see their own name where the route says so', async () => {
    await both({ host: 'upstream' });
    await post(24);
    for (const { recorder, url } of [one, two]) {
      expect(recorder.bytes).toContain(`\r\nhost: ${new URL(url).host}\r\n`);
    }
  });

  it('are left out after failures in a row, tried by one request, and come back (F32)', async () => {
    await both({ ejection: { failures: 2, time: '30s' } });
    one.recorder.script = broken;
    await post(24);
    expect(asked(one)).toBe(2);
    expect(edge.logged.join()).toContain('upstream.target_left_out');
    edge.clock.offsetMs = 30_001;
    // One request, and no more than that, finds out that nothing has changed.
    await post(24);
    expect(asked(one)).toBe(3);
    edge.clock.offsetMs += 30_001;
    one.recorder.script = ok;
    await post(12);
    expect(asked(one)).toBe(3);
    edge.clock.offsetMs += 30_001;
    expect(new Set(await post(24))).toEqual(new Set([200]));
    expect(asked(one)).toBeGreaterThan(4);
  });

  it.each([502, 503, 504])('are left out for answers of %i, which pass', async (status) => {
    await both({ ejection: { failures: 2 } });
    one.recorder.script = () => `HTTP/1.1 ${status} Bad\r\nContent-Length: 0\r\n\r\n`;
    const statuses = await post(24);
    expect(statuses.filter((found) => found !== 200)).toEqual([status, status]);
  });

  it('are not left out for errors of the application', async () => {
    await both({ ejection: { failures: 1 } });
    one.recorder.script = () => 'HTTP/1.1 500 Bad\r\nContent-Length: 0\r\n\r\n';
    const statuses = await post(24);
    expect(statuses.filter((status) => status === 500).length).toBe(asked(one));
    expect(asked(one)).toBeGreaterThan(1);
  });

  it('are never left out all together', async () => {
    await both({ ejection: { failures: 1, percentMax: 100 } });
    one.recorder.script = broken;
    two.recorder.script = broken;
    expect(new Set(await post(12))).toEqual(new Set([502]));
    expect(asked(one) + asked(two)).toBe(12);
    await both({ url: one.url, targets: undefined, ejection: { failures: 1, percentMax: 100 } });
    one.recorder.forget();
    expect(new Set(await post(4))).toEqual(new Set([502]));
    expect(asked(one)).toBe(4);
  });

  it('are left out for users and for anybody apart', async () => {
    await setUpstream(
      edge,
      {
        url: undefined,
        targets: [{ url: one.url }, { url: two.url }],
        ejection: { failures: 1 },
      },
      {},
      'pub',
    );
    one.recorder.script = broken;
    for (let count = 0; count < 24; count += 1) {
      await call(edge, { host: 'pub.corp.test', method: 'POST', path: '/p', body: 'x' });
    }
    expect(asked(one)).toBe(1);
    one.recorder.script = ok;
    const signedIn = await edge.session('usr_alice', 'dev_laptop', 'pub.corp.test');
    for (let count = 0; count < 24; count += 1) {
      await call(edge, {
        host: 'pub.corp.test',
        method: 'POST',
        path: '/p',
        body: 'x',
        cookie: signedIn,
      });
    }
    expect(asked(one)).toBeGreaterThan(1);
  });

  it('prove each its own name, at the same address too (row 24)', async () => {
    await both({ targets: [{ url: one.url }] });
    expect(await post(2)).toEqual([200, 200]);
    one.recorder.forget();
    const other = `https://two.corp.localhost:${one.recorder.port}`;
    await both({ targets: [{ url: other }] });
    expect(await post(2)).toEqual([502, 502]);
    await setUpstream(edge, { url: other }, {}, 'pub');
    expect((await call(edge, { host: 'pub.corp.test' })).status).toBe(502);
    expect(one.recorder.bytes).toBe('');
  });
});
