import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../../testing/client.ts';
import { TestEdge } from '../../testing/edge.ts';
import {
  block,
  endHeaders,
  endStream,
  FrameClient,
  frame,
  requestFields,
  types,
} from '../../testing/frames.ts';
import { ok } from '../../testing/recorder.ts';

let edge: TestEdge;
let cookie: string;
beforeAll(async () => {
  edge = await TestEdge.start();
  cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
});
afterAll(() => edge.stop());
afterEach(async () => {
  edge.upstream.script = ok;
  expect((await call(edge, { cookie, path: '/alive' })).status).toBe(200);
  await edge.settle();
});

/** As many bytes as the frame takes, as often as it is sent. */
function again(count: number, bytes: Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => bytes));
}

/** Many requests, each with what follows it at once. */
function requests(count: number, behind: (streamId: number) => Buffer): Buffer {
  const fields = block(requestFields(edge, cookie, { ':path': '/flood' }));
  return Buffer.concat(
    Array.from({ length: count }, (_, index) => {
      const id = 2 * index + 1;
      return Buffer.concat([frame(types.headers, endHeaders | endStream, id, fields), behind(id)]);
    }),
  );
}

const cancel = Buffer.of(0, 0, 0, 8);
const nothing = Buffer.alloc(0);

describe('a flood of frames (row 136)', () => {
  it.each([
    ['PING', () => again(20_000, frame(types.ping, 0, 0, Buffer.alloc(8)))],
    ['SETTINGS', () => again(1_000, frame(types.settings, 0, 0, nothing))],
    ['PRIORITY', () => again(5_000, frame(types.priority, 0, 1, Buffer.of(0, 0, 0, 3, 1)))],
    ['a kind that nobody knows', () => again(5_000, frame(0x77, 0, 0, nothing))],
    [
      'DATA without data',
      () =>
        Buffer.concat([
          frame(types.headers, endHeaders, 1, block(requestFields(edge, cookie))),
          again(5_000, frame(types.data, 0, 1, nothing)),
        ]),
    ],
    [
      'CONTINUATION',
      () =>
        Buffer.concat([
          frame(types.headers, 0, 1, block(requestFields(edge, cookie))),
          again(5_000, frame(types.continuation, 0, 1, nothing)),
        ]),
    ],
    [
      'requests that are taken back at once',
      () => requests(5_000, (id) => frame(types.reset, 0, id, cancel)),
    ],
    [
      'requests that make us take them back',
      () => requests(2_000, (id) => frame(types.windowUpdate, 0, id, Buffer.alloc(4))),
    ],
    ['requests beyond what may run side by side', () => requests(3_000, () => nothing)],
    [
      'windows that overflow',
      () => again(2, frame(types.windowUpdate, 0, 0, Buffer.of(0x7f, 255, 255, 255))),
    ],
  ])('of %s ends its connection, is recorded, and harms nobody else', async (_name, bytes) => {
    edge.upstream.script = () => null;
    const before = process.memoryUsage.rss();
    const raw = await FrameClient.connect(edge);
    raw.socket.write(bytes());
    await raw.closed();
    const refused = edge.records.all.filter(({ outcome }) => outcome === 'refused');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.some(({ path }) => path === '')).toBe(true);
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    // What was taken back before it was looked at reaches nobody in numbers.
    const through = edge.upstream.bytes.match(/\/flood/g)?.length ?? 0;
    expect(through).toBeLessThanOrEqual(1_000);
  });

  it('is none where a client takes a few requests back', async () => {
    const raw = await FrameClient.connect(edge);
    edge.upstream.script = () => null;
    raw.socket.write(requests(50, (id) => frame(types.reset, 0, id, cancel)));
    await expect.poll(() => edge.records.all.length).toBe(50);
    expect(new Set(edge.records.all.map(({ ending }) => ending))).toEqual(
      new Set(['client_closed']),
    );
    raw.ask(101, requestFields(edge, '', { ':path': '/denied' }));
    await raw.first(types.headers, 101);
    raw.close();
  });
});

describe('a connection of HTTP/2 that breaks (row 141)', () => {
  it.each([
    ['HPACK that cannot be read', () => frame(types.headers, 0x5, 1, Buffer.of(0xff, 0xff, 0xff))],
    ['a frame that is too large', () => frame(types.data, 0, 1, Buffer.alloc(20_000))],
    ['DATA on no stream', () => frame(types.data, 0, 0, Buffer.from('x'))],
    ['CONTINUATION of nothing', () => frame(types.continuation, 0x4, 1, nothing)],
    ['SETTINGS of the wrong length', () => frame(types.settings, 0, 0, Buffer.alloc(5))],
    ['a stream of ours', () => frame(types.headers, 0x5, 2, block(requestFields(edge, cookie)))],
    ['PUSH_PROMISE', () => frame(5, 0x4, 1, Buffer.concat([Buffer.of(0, 0, 0, 2)]))],
  ])('by %s is ended and recorded', async (_name, bytes) => {
    const raw = await FrameClient.connect(edge);
    raw.socket.write(bytes());
    raw.send(types.reset, 0, 1, cancel);
    await raw.closed();
    expect(edge.records.all.length).toBeGreaterThan(0);
    expect(edge.records.all[0]).toMatchObject({ outcome: 'refused', reasons: ['malformed'] });
  });

  it('leaves a record of each of its requests where its client goes away', async () => {
    edge.upstream.script = () => null;
    const raw = await FrameClient.connect(edge);
    for (const id of [1, 3, 5]) raw.ask(id, requestFields(edge, cookie, { ':path': `/${id}` }));
    await expect.poll(() => edge.worker.openExchanges()).toBe(3);
    raw.close();
    await expect.poll(() => edge.records.all.length).toBe(3);
    const endings = edge.records.all.map(({ ending }) => ending);
    expect(endings).toEqual(['client_closed', 'client_closed', 'client_closed']);
  });
});
