import { opsFromBytes, opsToBytes } from '@sallyport/proto';
import type { Block, StateOp } from '@sallyport/shared/state/model';
import { MalformedFileError, readWide, writeWide } from './bytes.ts';
import type { CarriedOps, EarlyDenials } from './loaded-state.ts';

const lengthBytes = 4;
const headBytes = 16 + lengthBytes;

/** The blocks' bytes with their length in front, then the early frames, one after the other. */
export function encodeCarried({ blocks, early }: CarriedOps): Buffer {
  const first = opsToBytes(blocks);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(first.length);
  return Buffer.concat([length, first, ...early.flatMap(encodeEarly)]);
}

/** Reads what `encodeCarried` wrote. Throws MalformedFileError and UnreadableOpsError. */
export function decodeCarried(body: Buffer): CarriedOps {
  const end = body.length < lengthBytes ? Infinity : lengthBytes + body.readUInt32LE(0);
  if (end > body.length) throw new MalformedFileError('carried denials are cut off');
  const blocks = opsFromBytes(body.subarray(lengthBytes, end));
  if (!blocks.every(isBlock)) throw new MalformedFileError('carried ops are of another kind');
  return { blocks, early: decodeEarly(body.subarray(end)) };
}

function encodeEarly({ position, body }: EarlyDenials): Uint8Array[] {
  const head = Buffer.alloc(headBytes);
  writeWide(head, position.epoch, 0);
  writeWide(head, position.rev, 8);
  head.writeUInt32LE(body.length, 16);
  return [head, body];
}

function decodeEarly(bytes: Buffer): EarlyDenials[] {
  const early: EarlyDenials[] = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + headBytes;
    const end = start > bytes.length ? Infinity : start + bytes.readUInt32LE(start - lengthBytes);
    if (end > bytes.length) throw new MalformedFileError('early denials are cut off');
    const position = { epoch: readWide(bytes, at), rev: readWide(bytes, at + 8) };
    // The reader's memory is used again.
    const body = Uint8Array.from(bytes.subarray(start, end));
    // What cannot be read cannot be enforced: then the lane must not be relied on.
    opsFromBytes(body);
    early.push({ position, body });
    at = end;
  }
  return early;
}

function isBlock(op: StateOp): op is Block {
  return op.op === 'block';
}
