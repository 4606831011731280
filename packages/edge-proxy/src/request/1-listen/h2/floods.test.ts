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

/** A request whose body is the frame, as often. */
function upload(data: Buffer, count: number): Buffer {
  const fields = block(requestFields(edge, cookie, { ':method': 'POST', ':path': '/flood' }));
  return Buffer.concat([frame(types.headers, endHeaders, 1, fields), again(count, data)]);
}

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
    ['GOAWAY', () => again(1_000, frame(types.goAway, 0, 0, Buffer.alloc(8)))],
    [
      'windows that grow',
      () => again(5_000, frame(types.windowUpdate, 0, 0, Buffer.of(0, 0, 0, 1))),
    ],
    ['DATA that is padding alone', () => upload(frame(types.data, 0x8, 1, Buffer.of(1, 0)), 5_000)],
    [
      'DATA of a byte each, which would lie in memory frame by frame',
      () => upload(frame(types.data, 0, 1, Buffer.from('x')), 50_000),
    ],
    [
      'headers on a stream that is over',
      () => {
        const fields = block(requestFields(edge, '', { ':path': '/denied' }));
        return again(2_000, frame(types.headers, endHeaders | endStream, 1, fields));
      },
    ],
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
    expect(refused.length).toBeLessThanOrEqual(800);
    // What was taken back before it was looked at reaches nobody in numbers.
    const through = edge.upstream.bytes.match(/\/flood/g)?.length ?? 0;
    expect(through).toBeLessThanOrEqual(1_000);
  });

  it('of bodies in single bytes takes no memory, though nobody reads them (rows 120, 136)', async () => {
    // An upstream that cannot be reached yet.
    const { resolve } = edge;
    edge.resolve = () => undefined;
    const before = process.memoryUsage.rss();
    const raw = await FrameClient.connect(edge);
    const fields = block(requestFields(edge, cookie, { ':method': 'POST', ':path': '/flood' }));
    const byte = again(60_000, frame(types.data, 0, 1, Buffer.from('x')));
    for (let id = 1; id <= 31; id += 2) {
      raw.send(types.headers, endHeaders, id, fields);
      for (let at = 8; at < byte.length; at += 10) byte.writeUInt8(id, at);
      raw.socket.write(Buffer.from(byte));
    }
    await raw.closed();
    edge.resolve = resolve;
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    await expect.poll(() => edge.worker.http2().floods.data).toBeGreaterThan(0);
  });

  it('of windows that grow byte by byte ends its connection (CVE-2019-9511)', async () => {
    const raw = await FrameClient.connect(edge);
    raw.send(types.settings, 0, 0, Buffer.of(0, 4, 0, 0, 0, 1));
    edge.upstream.script = () =>
      `HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n${'x'.repeat(9_000)}`;
    raw.ask(1, requestFields(edge, cookie));
    await raw.first(types.data, 1);
    raw.socket.write(again(2_000, frame(types.windowUpdate, 0, 1, Buffer.of(0, 0, 0, 1))));
    await raw.closed();
    await expect.poll(() => edge.worker.http2().floods.window_update).toBeGreaterThan(0);
  });

  it('of requests behind a GOAWAY ends the connection, though one is under way', async () => {
    edge.upstream.script = () => null;
    const raw = await FrameClient.connect(edge);
    raw.ask(1, requestFields(edge, cookie, { ':path': '/slow' }));
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    raw.send(types.goAway, 0, 0, Buffer.alloc(8));
    const theirs = await raw.first(types.goAway, 0);
    expect(theirs.payload.readUInt32BE(0)).toBe(1);
    const fields = block(requestFields(edge, cookie));
    for (let id = 3; id < 2_500; id += 2) {
      raw.send(types.headers, endHeaders | endStream, id, fields);
    }
    await raw.closed();
    await expect.poll(() => edge.records.all.length).toBe(2);
    const reasons = new Set(edge.records.all.map(({ reasons: [first] }) => first));
    expect(reasons).toEqual(new Set(['rule_allowed', 'too_many_frames']));
  });

  it('is counted as what it is', async () => {
    const before = edge.worker.http2();
    const floods = { ...before.floods };
    const ended = { ...before.ended };
    const raw = await FrameClient.connect(edge);
    raw.socket.write(again(2_000, frame(types.ping, 0, 0, Buffer.alloc(8))));
    await raw.closed();
    await expect.poll(() => edge.worker.http2().ended.flood).toBe(ended.flood + 1);
    expect(edge.worker.http2().floods).toEqual({ ...floods, ping: floods.ping + 1 });
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

describe('header compression that is turned against us (row 137)', () => {
  /** A field of 3,900 bytes that goes into the table, and one byte that stands for it. */
  const large = Buffer.concat([Buffer.of(0x40), block([['x-a', 'y'.repeat(3_900)]]).subarray(1)]);
  const again16 = Buffer.alloc(14, 0xbe);

  it('is refused by the size that it stands for, and recorded', async () => {
    const raw = await FrameClient.connect(edge);
    const before = process.memoryUsage.rss();
    const fields = block(requestFields(edge, cookie, { ':path': '/bomb' }));
    for (let id = 1; id <= 199; id += 2) {
      const payload = Buffer.concat([fields, id === 1 ? large : nothing, again16]);
      raw.send(types.headers, endHeaders | endStream, id, payload);
    }
    await raw.closed();
    expect(process.memoryUsage.rss() - before).toBeLessThan(100 * 1024 * 1024);
    const reasons = new Set(edge.records.all.map(({ reasons: [first] }) => first));
    expect(reasons).toEqual(new Set(['headers_too_large']));
    expect(edge.records.all.length).toBe(100);
    expect(edge.upstream.bytes).not.toContain('/bomb');
  });

  it('is refused where it stands for more than any request has', async () => {
    const raw = await FrameClient.connect(edge);
    const fields = block(requestFields(edge, cookie, { ':path': '/bomb' }));
    const payload = Buffer.concat([fields, large, Buffer.alloc(200, 0xbe)]);
    raw.send(types.headers, endHeaders | endStream, 1, payload);
    await raw.first(types.headers, 1);
    raw.close();
    await expect.poll(() => edge.records.all.length).toBe(1);
    expect(edge.records.all[0]).toMatchObject({ outcome: 'refused', status: 431 });
    expect(edge.records.all[0]?.reasons).toEqual(['headers_too_many']);
  });
});

describe('requests that nobody looks at (row 144)', () => {
  it('are recorded as too many where they are more than may run side by side', async () => {
    edge.upstream.script = () => null;
    const raw = await FrameClient.connect(edge);
    // All at once, as clients do that have not heard of the limit yet.
    raw.socket.write(requests(130, () => nothing));
    await raw.first(types.reset, 259);
    await expect.poll(() => edge.records.all.length).toBe(30);
    const reasons = new Set(edge.records.all.map(({ reasons: [first] }) => first));
    expect(reasons).toEqual(new Set(['pipeline_too_deep']));
    raw.close();
    await expect.poll(() => edge.records.all.length).toBe(130);
  });

  it('have no record where they were too late, and may be asked again elsewhere', async () => {
    edge.upstream.script = () => null;
    const raw = await FrameClient.connect(edge);
    raw.ask(1, requestFields(edge, cookie, { ':path': '/slow' }));
    await expect.poll(() => edge.upstream.bytes).toContain('/slow');
    raw.send(types.goAway, 0, 0, Buffer.alloc(8));
    await raw.first(types.goAway, 0);
    raw.ask(3, requestFields(edge, cookie, { ':path': '/late' }));
    raw.send(types.ping, 0, 0, Buffer.alloc(8));
    await raw.first(types.ping, 0);
    raw.close();
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
    expect(edge.records.all.map(({ path }) => path)).toEqual(['/slow']);
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

  it.each([
    ['headers that cannot be read', () => Buffer.of(0x40)],
    [
      'a name of the object prototype',
      () => block(requestFields(edge, cookie, { __proto__: 'a' })),
    ],
    [
      'a host that is no name',
      () => block(requestFields(edge, cookie, { ':authority': 'xn--\xff' })),
    ],
    [
      'a host without end',
      () => block(requestFields(edge, cookie, { ':authority': 'xn--a.'.repeat(99) })),
    ],
  ])('goes on for others after %s, a reset, and the end of the socket', async (_name, payload) => {
    const raw = await FrameClient.connect(edge);
    const other = await FrameClient.connect(edge);
    raw.send(types.headers, endHeaders, 1, payload());
    raw.send(types.reset, 0, 1, cancel);
    raw.close();
    other.ask(1, requestFields(edge, '', { ':path': '/denied' }));
    await other.first(types.headers, 1);
    other.close();
    await expect.poll(() => edge.worker.openExchanges()).toBe(0);
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
