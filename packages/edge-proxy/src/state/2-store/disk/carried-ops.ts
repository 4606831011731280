import { opsFromBytes, opsToBytes } from '@sallyport/proto';
import type { Block, RevokeOp, StateOp } from '@sallyport/shared/state/model';
import { MalformedFileError } from './bytes.ts';
import type { CarriedOps } from './loaded-state.ts';

const lengthBytes = 4;

/** The blocks' bytes with their length in front, then the other denials'. */
export function encodeCarried({ blocks, early }: CarriedOps): Buffer {
  const first = opsToBytes(blocks);
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(first.length);
  return Buffer.concat([length, first, opsToBytes(early)]);
}

/** Reads what `encodeCarried` wrote. Throws MalformedFileError and UnreadableOpsError. */
export function decodeCarried(body: Buffer): CarriedOps {
  const end = body.length < lengthBytes ? Infinity : lengthBytes + body.readUInt32LE(0);
  if (end > body.length) throw new MalformedFileError('carried denials are cut off');
  const blocks = opsFromBytes(body.subarray(lengthBytes, end));
  const early = opsFromBytes(body.subarray(end));
  if (!blocks.every(isBlock) || !early.every(isRevokeOp)) {
    throw new MalformedFileError('carried denials are ops of another kind');
  }
  return { blocks, early };
}

function isBlock(op: StateOp): op is Block {
  return op.op === 'block';
}

function isRevokeOp(op: StateOp): op is RevokeOp {
  return op.op === 'block' || op.op === 'ended_session' || op.op === 'generation';
}
