import { describe, expect, it } from 'vitest';
import { frame, types } from '../../testing/frames.ts';
import { SentFrames } from './sent-frames.ts';

describe('the reader of what we send', () => {
  it.each([1, 3, 10, 1_000])('knows data, resets and ends of it, %i bytes at a time', (size) => {
    const seen: string[] = [];
    const sent = new SentFrames({
      data: (bytes) => seen.push(`data ${bytes}`),
      reset: (streamId, code) => seen.push(`reset ${streamId} ${code}`),
      goAway: (code) => seen.push(`goaway ${code}`),
    });
    const bytes = Buffer.concat([
      frame(types.settings, 0, 0, Buffer.alloc(12)),
      frame(types.headers, 4, 1, Buffer.alloc(40, 3)),
      frame(types.data, 0, 1, Buffer.alloc(33, 3)),
      frame(types.reset, 0, 0x7fff_fff1, Buffer.of(0, 0, 0, 7)),
      frame(types.data, 1, 3, Buffer.alloc(0)),
      frame(
        types.goAway,
        0,
        0,
        Buffer.concat([Buffer.of(0, 0, 0, 3, 0, 0, 0, 11), bytesOf('why')]),
      ),
      frame(types.ping, 1, 0, Buffer.alloc(8)),
      frame(types.data, 0, 5, Buffer.alloc(2)),
    ]);
    for (let at = 0; at < bytes.length; at += size) sent.read(bytes.subarray(at, at + size));
    expect(seen).toEqual(['data 33', 'reset 2147483633 7', 'data 0', 'goaway 11', 'data 2']);
  });
});

function bytesOf(text: string): Buffer {
  return Buffer.from(text);
}
