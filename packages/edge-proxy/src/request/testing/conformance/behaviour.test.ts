import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { http2Options } from '../../1-listen/h2/options.ts';
import type { Conversation } from '../conversation.ts';
import { type Frame, FrameClient, frame, types } from '../frames.ts';
import { secureSocket } from '../h2-socket.ts';
import { nothing, number, setting } from './case.ts';
import { ConformanceRun } from './run.ts';

const run = new ConformanceRun();
beforeAll(() => run.start());
afterAll(() => run.stop());
afterEach(() => run.settle());

const ack = 0x1;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** A connection on which nothing has been said. */
async function silent() {
  const socket = await secureSocket(run.edge, 'app.corp.test', run.edge.laptop);
  return { raw: FrameClient.over(socket), socket };
}

/** The settings of the edge, by their numbers: RFC 9113, section 6.5.1. */
function settingsOf({ payload }: Frame): Map<number, number> {
  const settings = new Map<number, number>();
  for (let at = 0; at < payload.length; at += 6) {
    settings.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  }
  return settings;
}

/** Bytes of the body that have come on the stream, frame by frame. */
function sizes(frames: readonly Frame[]): number[] {
  return frames.filter(({ type }) => type === types.data).map(({ payload }) => payload.length);
}

describe('the beginning of a connection (RFC 9113, 3.4)', () => {
  it('is SETTINGS from both sides, with the limits that hold', async () => {
    const { raw, socket } = await silent();
    socket.write(Buffer.concat([preface, frame(types.settings, 0, 0, nothing)]));
    const first = await raw.first(types.settings, 0);
    expect(raw.frames.all[0]).toBe(first);
    const settings = settingsOf(first);
    const { maxConcurrentStreams, maxHeaderListSize } = http2Options.settings;
    expect([settings.get(3), settings.get(6), settings.get(8)]).toEqual([
      maxConcurrentStreams,
      maxHeaderListSize,
      1,
    ]);
    // Sent only where they are not the initial values.
    expect([settings.get(1) ?? 4_096, settings.get(4) ?? 65_535]).toEqual([4_096, 65_535]);
    const agreed = await raw.frames.first(({ type, flags }) => type === 4 && flags === ack);
    expect(agreed.payload.length).toBe(0);
    raw.close();
  });

  it.each([
    ['other words', Buffer.from('INVALID CONNECTION PREFACE\r\n\r\n')],
    ['HTTP/1.1', Buffer.from('GET / HTTP/1.1\r\nHost: app.corp.test\r\n\r\n')],
    [
      'something else than SETTINGS',
      Buffer.concat([preface, frame(types.ping, 0, 0, number(0, 6))]),
    ],
    ['SETTINGS that agree', Buffer.concat([preface, frame(types.settings, ack, 0, nothing)])],
  ])('is refused with %s', async (_name, bytes) => {
    const { raw, socket } = await silent();
    socket.write(bytes);
    await raw.closed();
    await expect.poll(() => run.edge.records.all.length).toBe(1);
    expect(run.edge.records.all[0]).toMatchObject({ outcome: 'refused', reasons: ['malformed'] });
  });
});

describe('PING and SETTINGS (RFC 9113, 6.5.3 and 6.7)', () => {
  it('are answered with what they bring', async () => {
    const talk = await run.talk();
    talk.frame(types.ping, 0, 0, Buffer.from('abcdefgh'));
    const { flags, payload } = await talk.with.raw.first(types.ping, 0);
    expect([flags, payload.toString()]).toEqual([ack, 'abcdefgh']);
    const before = acks(talk.with);
    talk.frame(types.settings, 0, 0, setting(3, 1));
    talk.frame(types.settings, 0, 0, setting(3, 2));
    await talk.with.heard();
    expect(acks(talk.with) - before).toBe(2);
    talk.with.close();
  });

  it('are taken in the order in which they stand', async () => {
    const talk = await run.talk();
    talk.frame(types.settings, 0, 0, Buffer.concat([setting(4, 100), setting(4, 1)]));
    talk.get(1);
    const first = await talk.with.raw.first(types.data, 1);
    expect(first.payload.length).toBe(1);
    talk.with.close();
  });
});

function acks(conversation: Conversation): number {
  const { all } = conversation.raw.frames;
  return all.filter(({ type, flags }) => type === types.settings && flags === ack).length;
}

describe('flow control (RFC 9113, 6.9)', () => {
  it('holds for each stream, and opens as the client says', async () => {
    const talk = await run.talk();
    talk.frame(types.settings, 0, 0, setting(4, 2));
    talk.get(1);
    await talk.with.raw.first(types.data, 1);
    await talk.with.heard();
    expect(sizes(talk.with.raw.frames.all)).toEqual([2]);
    talk.frame(types.windowUpdate, 0, 1, number(1));
    talk.frame(types.windowUpdate, 0, 1, number(2));
    expect(await talk.with.ended(1)).toBe(true);
    expect(sizes(talk.with.raw.frames.all).reduce((sum, size) => sum + size)).toBe(5);
    talk.with.close();
  });

  it('lets windows be below nothing', async () => {
    const talk = await run.talk();
    talk.frame(types.settings, 0, 0, setting(4, 3));
    talk.get(1);
    await talk.with.raw.first(types.data, 1);
    // Three bytes have come; the window is now two below nothing.
    talk.frame(types.settings, 0, 0, setting(4, 1));
    talk.frame(types.windowUpdate, 0, 1, number(2));
    await talk.with.heard();
    expect(sizes(talk.with.raw.frames.all)).toEqual([3]);
    talk.frame(types.windowUpdate, 0, 1, number(1));
    await talk.with.raw.frames.first(({ type, payload }) => type === 0 && payload.length === 1);
    talk.frame(types.settings, 0, 0, setting(4, 65_535));
    expect(await talk.with.ended(1)).toBe(true);
    talk.with.close();
  });

  it('holds for all streams together', async () => {
    const body = 'x'.repeat(60_000);
    run.edge.upstream.script = () => `HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n${body}`;
    const talk = await run.talk();
    talk.get(1);
    talk.get(3);
    const total = () => sizes(talk.with.raw.frames.all).reduce((sum, size) => sum + size, 0);
    await expect.poll(total).toBe(65_535);
    await talk.with.heard();
    expect(total()).toBe(65_535);
    talk.frame(types.windowUpdate, 0, 0, number(100_000));
    expect(await talk.with.ended(1)).toBe(true);
    expect(await talk.with.ended(3)).toBe(true);
    expect(total()).toBe(120_000);
    talk.with.close();
  });
});

describe('the end of a connection (RFC 9113, 6.8)', () => {
  it('comes for a client that says it goes, once it has its answers', async () => {
    run.edge.upstream.script = () => null;
    const talk = await run.talk();
    talk.get(1);
    await expect.poll(() => run.edge.upstream.bytes).toContain('GET / ');
    talk.frame(types.goAway, 0, 0, Buffer.alloc(8));
    await talk.with.heard();
    const upstream = run.edge.upstream.connections.find(({ bytes }) => bytes.includes('GET / '));
    upstream?.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone');
    expect(await talk.with.ended(1)).toBe(true);
    await talk.with.raw.closed();
  });
});
