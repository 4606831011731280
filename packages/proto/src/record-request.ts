import { create, toBinary } from '@bufbuild/protobuf';
import { type RecordRequest, RecordRequestSchema } from '../gen/sallyport/v1/sync_pb.js';

/** Number 2, length-delimited: `records_json`. */
const recordsJsonTag = 0x12;

/**
 * A RecordRequest as `toBinary` would write it but for the order of its fields, which is free. The
 * records are nearly all of it: they are copied once, into a buffer of the right size, where a writer
 * that does not know the size copies them each time it grows and once more in the end. An edge sends
 * megabytes of them a second, and what is allocated outside the heap makes V8 collect all of it.
 */
export function recordRequestBytes({ batch, recordsJson, dropped }: RecordRequest): Buffer {
  const rest = toBinary(RecordRequestSchema, create(RecordRequestSchema, { batch, dropped }));
  const size = recordsJson.reduce(
    (sum, { length }) => sum + 1 + varintBytes(length) + length,
    rest.length,
  );
  const bytes = Buffer.allocUnsafe(size);
  bytes.set(rest);
  let at = rest.length;
  for (const lines of recordsJson) {
    bytes[at] = recordsJsonTag;
    at = putVarint(bytes, at + 1, lines.length);
    bytes.set(lines, at);
    at += lines.length;
  }
  return bytes;
}

function varintBytes(value: number): number {
  let count = 1;
  for (let left = value; left >= 0x80; left >>>= 7) count += 1;
  return count;
}

/** Gives the place behind it. */
function putVarint(bytes: Buffer, from: number, value: number): number {
  let at = from;
  let left = value;
  for (; left >= 0x80; left >>>= 7) bytes[at++] = (left & 0x7f) | 0x80;
  bytes[at++] = left;
  return at;
}
