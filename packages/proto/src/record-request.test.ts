import { create, equals, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RecordRequestSchema } from '../gen/sallyport/v1/sync_pb.js';
import { recordRequestBytes } from './record-request.ts';

const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

describe('a batch of records on the wire', () => {
  it('is read as it was given', () => {
    fc.assert(
      fc.property(
        uint64,
        fc.array(fc.uint8Array({ maxLength: 300 })),
        fc.dictionary(fc.constantFrom('permit', 'denial', 'other'), uint64),
        (batch, recordsJson, dropped) => {
          const request = create(RecordRequestSchema, { batch, recordsJson, dropped });
          const read = fromBinary(RecordRequestSchema, recordRequestBytes(request));
          expect(equals(RecordRequestSchema, read, request)).toBe(true);
        },
      ),
    );
  });

  it.each([127, 128, 16_383, 16_384, 2_097_151, 2_097_152])('with records of %i bytes', (size) => {
    const request = create(RecordRequestSchema, {
      batch: 7n,
      recordsJson: [Buffer.alloc(size, 'a'), Buffer.alloc(size, 'b')],
    });
    const read = fromBinary(RecordRequestSchema, recordRequestBytes(request));
    expect(read.recordsJson.map(({ length }) => length)).toEqual([size, size]);
    expect(read.recordsJson.map((lines) => lines.at(-1))).toEqual([0x61, 0x62]);
  });
});
