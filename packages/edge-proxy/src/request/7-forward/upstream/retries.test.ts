import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, RawClient } from '../../testing/client.ts';
import { TestEdge } from '../../testing/edge.ts';
import { ok, type Script } from '../../testing/recorder.ts';
import { type ExtraTarget, startTarget } from '../../testing/targets.ts';
import { setUpstream } from '../../testing/upstream-spec.ts';

let edge: TestEdge;
let one: ExtraTarget;
let two: ExtraTarget;
/** Nobody listens there any more. */
let dead: ExtraTarget;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  one = await startTarget(edge, 'one');
  two = await startTarget(edge, 'two');
  dead = await startTarget(edge, 'dead');
  await dead.recorder.stop();
});
afterAll(async () => {
  await edge.stop();
  await one.recorder.stop();
  await two.recorder.stop();
});
beforeEach(async () => {
  await edge.settle();
  for (const { recorder } of [one, two]) {
    recorder.forget();
    recorder.script = ok;
  }
});

const broken: Script = (_head, { socket }) => {
  socket.destroy();
  return null;
};
/** Nobody is left out, so that what a request meets does not depend on those before it. */
const ejection = { percentMax: 0 };
const retry = { budgetPercent: 50 };

async function to(urls: readonly string[], more: object = {}): Promise<void> {
  const targets = urls.map((url) => ({ url }));
  await setUpstream(edge, { url: undefined, targets, ejection, retry, ...more });
}

/** One connection, and request after request on it; how each was answered. */
async function ask(times: number, line: string, body = ''): Promise<number[]> {
  const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
  const statuses: number[] = [];
  const [method = ''] = line.split(' ');
  const length = body === '' ? '' : `Content-Length: ${body.length}\r\n`;
  for (let count = 0; count < times; count += 1) {
    client.send(
      `${line} HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n${length}\r\n${body}`,
    );
    statuses.push((await client.response(method)).status);
  }
  client.close();
  return statuses;
}
const asked = ({ recorder }: ExtraTarget) => recorder.bytes.match(/ HTTP\/1\.1\r$/gm)?.length ?? 0;
/** The budget is what earlier requests have earned. */
async function earn(): Promise<void> {
  await to([two.url]);
  await ask(20, 'GET /earn');
  two.recorder.forget();
}

describe('a request that fails at its target', () => {
  it('is tried at another where nothing of it can have been seen', async () => {
    await earn();
    await to([dead.url, two.url]);
    expect(new Set(await ask(8, 'GET /a'))).toEqual(new Set([200]));
    await earn();
    await to([dead.url, two.url]);
    expect(new Set(await ask(8, 'POST /a'))).toEqual(new Set([200]));
    expect(asked(two)).toBe(8);
  });

  it('is not tried again with a body, wherever it failed', async () => {
    await earn();
    await to([dead.url, two.url]);
    const statuses = await ask(16, 'POST /a', 'body');
    const passed = statuses.filter((status) => status === 200).length;
    expect(asked(two)).toBe(passed);
    expect(statuses.filter((status) => status === 502).length).toBe(16 - passed);
    expect(passed).toBeLessThan(16);
  });

  it.each(['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE'])(
    'is tried at another where it does no harm, with the same assertion: %s (row 77)',
    async (method) => {
      await earn();
      await to([one.url, two.url]);
      one.recorder.script = broken;
      two.recorder.script = () => 'HTTP/1.1 204 No Content\r\n\r\n';
      expect(new Set(await ask(8, `${method} /a`))).toEqual(new Set([204]));
      expect([asked(two), asked(one) > 0]).toEqual([8, true]);
      const assertions = [one, two].map(({ recorder }) =>
        recorder.bytes.match(/^Sallyport-Assertion: .*$/gim),
      );
      expect(assertions[0]?.length).toBe(asked(one));
      expect(assertions[1]?.length).toBe(asked(two));
      expect(new Set(assertions.flat()).size).toBe(1);
    },
  );

  it.each(['POST', 'PATCH'])(
    'is not tried again where it may have been done: %s',
    async (method) => {
      await earn();
      await to([one.url]);
      one.recorder.script = broken;
      expect(await ask(4, `${method} /a`)).toEqual([502, 502, 502, 502]);
      expect(asked(one)).toBe(4);
    },
  );

  it('is not tried again once an answer has begun (F31)', async () => {
    await earn();
    await to([one.url, two.url]);
    const half: Script = (_head, { socket }) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf', () => socket.destroy());
      return null;
    };
    one.recorder.script = half;
    two.recorder.script = half;
    const client = await RawClient.connect(edge, 'app.corp.test', edge.laptop);
    client.send(`GET /a HTTP/1.1\r\nHost: app.corp.test\r\nCookie: ${cookie}\r\n\r\n`);
    // Cut off within the body: nobody can take it for a whole one.
    await client.closed();
    expect(asked(one) + asked(two)).toBe(1);
    expect(client.received).toMatch(/half$/);
  });

  it('is not tried again where the route does not want it', async () => {
    await earn();
    await to([one.url], { retry: { attempts: 0 } });
    one.recorder.script = broken;
    expect(await ask(4, 'GET /a')).toEqual([502, 502, 502, 502]);
    expect(asked(one)).toBe(4);
  });

  it('is not tried at a target that a new configuration has taken away', async () => {
    await earn();
    await to([one.url]);
    const held = Promise.withResolvers<() => void>();
    one.recorder.script = (_head, { socket }) => {
      held.resolve(() => socket.destroy());
      return null;
    };
    const first = call(edge, { cookie, path: '/a' });
    const breakOff = await held.promise;
    await to([two.url]);
    breakOff();
    // It was decided on a configuration that knew nothing of the other target.
    expect((await first).status).not.toBe(200);
    expect(asked(two)).toBe(0);
  });

  it('costs a target that flaps no more than the budget (F32)', async () => {
    // Another route, which has earned nothing yet.
    await setUpstream(edge, { url: one.url, retry: { budgetPercent: 10 } }, {}, 'pub');
    let up = true;
    let count = 0;
    one.recorder.script = (head, connection) => {
      count += 1;
      if (count % 5 === 0) up = !up;
      return (up ? ok : broken)(head, connection);
    };
    const before = edge.worker.upstreams().retries.tried;
    const client = await RawClient.connect(edge, 'pub.corp.test', edge.laptop);
    for (let sent = 0; sent < 100; sent += 1) {
      client.send('GET /a HTTP/1.1\r\nHost: pub.corp.test\r\n\r\n');
      await client.response();
    }
    client.close();
    const retries = edge.worker.upstreams().retries.tried - before;
    expect(asked(one)).toBe(100 + retries);
    expect(retries).toBeGreaterThan(0);
    expect(retries).toBeLessThanOrEqual(11);
    expect(edge.worker.upstreams().retries.no_budget).toBeGreaterThan(0);
  });
});
