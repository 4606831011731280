import { opsFromBytes, opsToBytes } from '@sallyport/proto';
import type { StateOp } from '@sallyport/shared/state/model';
import type { Denial } from '@sallyport/shared/sync/denials';
import { MalformedFileError, readWide, writeWide } from './bytes.ts';
import type { CarriedOps, EarlyDenials } from './loaded-state.ts';

const lengthBytes = 4;
const epochBytes = 8;
const frontBytes = epochBytes + lengthBytes;
const headBytes = 16 + lengthBytes;

/** The epoch, the length of the denials' bytes and these, then the early frames, one after the other. */
export function encodeCarried({ epoch, denials, early }: CarriedOps): Buffer {
  const first = opsToBytes(denials);
  const front = Buffer.alloc(frontBytes);
  writeWide(front, epoch, 0);
  front.writeUInt32LE(first.length, epochBytes);
  return Buffer.concat([front, first, ...early.flatMap(encodeEarly)]);
}

/** Reads what `encodeCarried` wrote. Throws MalformedFileError and UnreadableOpsError. */
export function decodeCarried(body: Buffer): CarriedOps {
  const isShort = body.length < frontBytes;
  const end = isShort ? Infinity : frontBytes + body.readUInt32LE(epochBytes);
  if (end > body.length) throw new MalformedFileError('carried denials are cut off');
  const denials = opsFromBytes(body.subarray(frontBytes, end));
  if (!denials.every(isCarried)) throw new MalformedFileError('carried ops are of another kind');
  return { epoch: readWide(body, 0), denials, early: decodeEarly(body.subarray(end)) };
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

function isCarried(op: StateOp): op is Denial {
  return op.op === 'generation' || op.op === 'ended_session' || op.op === 'block';
}
