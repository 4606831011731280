import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fieldCount } from '../../field-count.ts';
import { block, frame, types } from '../../testing/frames.ts';
import { FrameReader } from './frame-reader.ts';
import type { Trouble } from './trouble.ts';

const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const none = Buffer.alloc(0);
const fields = block([[':method', 'GET']]);

/** Blocks as they come, by stream, where the bytes come in pieces of the size. */
function read(bytes: Buffer, size: number) {
  const opened: [number, string][] = [];
  const reader = new FrameReader((id, whole) => opened.push([id, Buffer.from(whole).toString()]));
  let refusal: Trouble | null = null;
  for (let at = 0; at < bytes.length && refusal === null; at += size) {
    refusal = reader.read(bytes.subarray(at, at + size), 1);
  }
  return { opened, refusal, reader };
}

describe('the reader of frames', () => {
  it.each([[1], [7], [100_000]])('puts header blocks together, %i bytes at a time', (size) => {
    const padded = Buffer.concat([Buffer.of(2), Buffer.alloc(5), fields, Buffer.alloc(2)]);
    const bytes = Buffer.concat([
      preface,
      frame(types.settings, 0, 0, none),
      frame(types.headers, 0x4, 1, fields),
      frame(types.data, 0, 1, Buffer.from('data that is no frame: \x00\x00\x01\x01\x04')),
      frame(types.headers, 0x28, 3, padded),
      frame(types.continuation, 0, 3, none),
      frame(types.continuation, 0x4, 3, Buffer.from('rest')),
      // Trailers open nothing.
      frame(types.headers, 0x5, 3, fields),
      frame(types.headers, 0x4, 7, none),
    ]);
    const { opened, refusal } = read(bytes, size);
    expect(refusal).toBeNull();
    expect(opened).toEqual([
      [1, fields.toString()],
      [3, `${fields.toString()}rest`],
      [7, ''],
    ]);
  });

  it('takes padding for no more than there is', () => {
    const bytes = frame(types.headers, 0xc, 1, Buffer.of(200, 1, 2));
    expect(read(Buffer.concat([preface, bytes]), 100).opened).toEqual([[1, '']]);
  });

  it('knows since when a header section has been open', () => {
    const open = read(Buffer.concat([preface, frame(types.headers, 0, 1, fields)]), 100);
    expect(open.reader.blockSince).toBe(1);
    open.reader.read(frame(types.continuation, 0x4, 1, none), 2);
    expect(open.reader.blockSince).toBe(0);
  });

  it('ends where a header section has no end', () => {
    const piece = frame(types.continuation, 0, 1, Buffer.alloc(16_384));
    const bytes = [preface, frame(types.headers, 0, 1, none), piece, piece, piece, piece, piece];
    expect(read(Buffer.concat(bytes), 10_000).refusal?.code).toBe('headers_too_large');
  });

  it('reads the same of any bytes, in whatever pieces they come, and never throws', () => {
    const anyFrame = fc
      .record({
        type: fc.integer({ min: 0, max: 12 }),
        flags: fc.integer({ min: 0, max: 255 }),
        streamId: fc.integer({ min: 0, max: 9 }),
        payload: fc.uint8Array({ maxLength: 40 }),
        cut: fc.integer({ min: 0, max: 3 }),
      })
      .map(({ type, flags, streamId, payload, cut }) => {
        const whole = frame(type, flags, streamId, Buffer.from(payload));
        // Now and then a frame has fewer bytes than it says, and the next is taken for its rest.
        return cut === 3 ? whole.subarray(0, whole.length - 1) : whole;
      });
    fc.assert(
      fc.property(
        fc.array(anyFrame, { maxLength: 12 }),
        fc.integer({ min: 1, max: 30 }),
        (all, size) => {
          const bytes = Buffer.concat([preface, ...all]);
          const whole = read(bytes, bytes.length);
          const pieces = read(bytes, size);
          expect([pieces.opened, pieces.refusal]).toEqual([whole.opened, whole.refusal]);
          for (const [, text] of whole.opened) fieldCount(Buffer.from(text));
        },
      ),
      { numRuns: 500 },
    );
  });
});
