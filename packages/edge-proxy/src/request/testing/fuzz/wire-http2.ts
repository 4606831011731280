import type { Dice } from '@sallyport/shared/sync/simulation/random';
import type { Protocol } from '../client-h2.ts';
import { block, endHeaders, endStream, type Field, frame, types } from '../frames.ts';
import { secureSocket } from '../h2-socket.ts';
import { changedStream, type StreamPlan, soundStreams } from './fields.ts';
import { http1Sender, type Sender, sendAll, soundRequests } from './wire.ts';

/** Bits of frames with headers or data: RFC 9113, section 6. */
const padded = 0x8;
const prioritised = 0x20;
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const question = Buffer.from('all read');
/** All before it has been read. */
const acknowledged = /all read/;

/** What to try the edge with, by somebody with this cookie. */
export const senders: Readonly<Record<Protocol, (cookie: string) => Sender>> = {
  'http/1.1': (cookie) => http1Sender(soundRequests(cookie)),
  h2: (cookie) => http2Sender(soundStreams(cookie)),
};

/** Changed requests of HTTP/2, a few of a connection side by side, cut into frames in odd ways. */
function http2Sender(sound: readonly StreamPlan[]): Sender {
  return async (edge, dice) => {
    const count = dice.chance(0.6) ? 1 : dice.int(2, 5);
    const plans = Array.from({ length: count }, () => {
      const plan = dice.pick(sound);
      return dice.chance(0.7) ? changedStream(plan, dice) : plan;
    });
    const streams = plans.map((plan, at) => framesOf(plan, 2 * at + 1, dice));
    const frames = dice.chance(0.5) ? streams.flat() : interleaved(streams, dice);
    const nonsense = dice.chance(0.15);
    if (nonsense) frames.splice(dice.int(0, frames.length), 0, oddFrame(dice));
    frames.push(frame(types.ping, 0, 0, question));
    const bytes = Buffer.concat([preface, frame(types.settings, 0, 0, Buffer.alloc(0)), ...frames]);
    const spoiled = dice.chance(0.1);
    if (spoiled) bytes[dice.int(preface.length, bytes.length - 1)] = dice.int(0, 255);
    const socket = await secureSocket(edge, 'app.corp.test', edge.laptop);
    await sendAll(edge, socket, bytes, acknowledged);
    return count > 1 || nonsense || spoiled ? null : (plans[0]?.fields ?? null);
  };
}

function framesOf({ fields, body, trailers }: StreamPlan, id: number, dice: Dice): Buffer[] {
  const frames = headerFrames(fields, id, body === null ? endStream : 0, dice);
  if (body === null) return frames;
  const bytes = Buffer.from(body, 'latin1');
  const ends = trailers.length === 0 && dice.chance(0.9);
  const cut = dice.int(0, bytes.length);
  const last = ends ? endStream : 0;
  if (dice.chance(0.5)) frames.push(dataFrame(bytes.subarray(0, cut), id, 0, dice));
  frames.push(dataFrame(bytes.subarray(frames.length > 1 ? cut : 0), id, last, dice));
  if (!ends && trailers.length > 0) frames.push(...headerFrames(trailers, id, endStream, dice));
  return frames;
}

/** A header section in one frame or more; those that belong together stay together. */
function headerFrames(fields: readonly Field[], id: number, flags: number, dice: Dice): Buffer[] {
  const bytes = represented(fields, dice);
  const cuts = dice.chance(0.2) ? [dice.int(0, bytes.length), dice.int(0, bytes.length)] : [];
  for (let at = 16_000; at < bytes.length; at += 16_000) cuts.push(at);
  const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
  const pieces = edges.slice(1).map((to, at) => bytes.subarray(edges[at], to));
  const frames = pieces.map((piece, at) => {
    const last = at === pieces.length - 1 ? endHeaders : 0;
    if (at > 0) return frame(types.continuation, last, id, piece);
    const own = dice.chance(0.1) ? prioritised : 0;
    const payload = own === 0 ? piece : Buffer.concat([Buffer.of(0, 0, 0, 0, 15), piece]);
    return paddedFrame(types.headers, flags | own | last, id, payload, dice);
  });
  return [Buffer.concat(frames)];
}

/** Literals, some of them to be kept in the table, or never: RFC 7541, section 6.2. */
function represented(fields: readonly Field[], dice: Dice): Buffer {
  const parts = fields.map((field) => {
    const bytes = block([field]);
    bytes[0] = dice.pick([0, 0, 0x10, 0x40]);
    return bytes;
  });
  return Buffer.concat(parts);
}

function dataFrame(bytes: Buffer, id: number, flags: number, dice: Dice): Buffer {
  return paddedFrame(types.data, flags, id, bytes, dice);
}

function paddedFrame(type: number, flags: number, id: number, bytes: Buffer, dice: Dice): Buffer {
  if (!dice.chance(0.1)) return frame(type, flags, id, bytes);
  const length = dice.int(0, 20);
  const payload = Buffer.concat([Buffer.of(length), bytes, Buffer.alloc(length)]);
  return frame(type, flags | padded, id, payload);
}

/** Frames of each stream in their order, streams in none. */
function interleaved(streams: readonly Buffer[][], dice: Dice): Buffer[] {
  // They have to be opened in order: RFC 9113, section 5.1.1.
  const frames = streams.map(([first = Buffer.alloc(0)]) => first);
  const left = streams.map((all) => all.slice(1)).filter((all) => all.length > 0);
  while (left.length > 0) {
    const of = dice.pick(left);
    const next = of.shift();
    if (next !== undefined) frames.push(next);
    if (of.length === 0) left.splice(left.indexOf(of), 1);
  }
  return frames;
}

function oddFrame(dice: Dice): Buffer {
  const type = dice.int(0, 10);
  const payload = Buffer.alloc(dice.pick([0, 1, 4, 5, 6, 8, 9]));
  for (let at = 0; at < payload.length; at += 1) payload[at] = dice.pick([0, 1, 8, 0x7f, 0xff]);
  return frame(type, dice.int(0, 0x2f), dice.pick([0, 1, 2, 3, 5, 2 ** 31 - 1]), payload);
}
