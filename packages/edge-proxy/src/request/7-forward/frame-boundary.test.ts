import { describe, expect, it } from 'vitest';
import { closeFrame, FrameBoundary } from './frame-boundary.ts';

function frame(payload: number, masked = false): Buffer {
  const head = [0x82];
  const mask = masked ? 0x80 : 0;
  if (payload < 126) head.push(mask | payload);
  else if (payload < 65_536) head.push(mask | 126, payload >> 8, payload & 0xff);
  else
    head.push(
      mask | 127,
      0,
      0,
      0,
      0,
      payload >>> 24,
      (payload >> 16) & 0xff,
      (payload >> 8) & 0xff,
      payload & 0xff,
    );
  return Buffer.concat([Buffer.from(head), Buffer.alloc((masked ? 4 : 0) + payload, 0xff)]);
}

describe('the boundary between WebSocket frames', () => {
  const frames = [frame(0), frame(1), frame(125), frame(126), frame(70_000), frame(3, true)];
  const stream = Buffer.concat(frames);
  const ends = new Set<number>();
  for (const [index] of frames.entries()) {
    ends.add(frames.slice(0, index + 1).reduce((sum, { length }) => sum + length, 0));
  }

  it('is known wherever the stream is cut into pieces', () => {
    // Around every end of a frame, and its head before it, byte by byte.
    const cuts = [...ends].flatMap((end) => Array.from({ length: 24 }, (_, n) => end - 12 + n));
    for (const cut of cuts.filter((at) => at > 0 && at <= stream.length)) {
      const boundary = new FrameBoundary();
      boundary.push(stream.subarray(0, cut));
      expect([cut, boundary.between]).toEqual([cut, ends.has(cut)]);
      boundary.push(stream.subarray(cut));
      expect(boundary.between).toBe(true);
    }
  });

  it('is known for a stream of single bytes', () => {
    const boundary = new FrameBoundary();
    for (const [at, byte] of stream.subarray(0, 300).entries()) {
      boundary.push(Buffer.of(byte));
      expect([at, boundary.between]).toEqual([at, ends.has(at + 1)]);
    }
  });

  it('is where a close frame of ours fits', () => {
    expect(closeFrame(1008, 'no').toString('hex')).toBe('880403f06e6f');
    const boundary = new FrameBoundary();
    boundary.push(closeFrame(1008, 'access was withdrawn'));
    expect(boundary.between).toBe(true);
  });
});
