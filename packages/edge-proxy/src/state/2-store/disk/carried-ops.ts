import { opsFromBytes, opsToBytes } from '@sallyport/proto';
import type { StateOp } from '@sallyport/shared/state/model';
import type { Denial } from '@sallyport/shared/sync/denials';
import { startTurns } from '../turns.ts';
import { decodeProof, encodeProof, MalformedFileError, readWide, writeWide } from './bytes.ts';
import type { CarriedOps, EarlyDenials } from './loaded-state.ts';

const lengthBytes = 4;
const epochBytes = 8;
const frontBytes = epochBytes + lengthBytes;

/** Denials in one go: some of a millisecond. */
const pieceMax = 200;

/**
 * The epoch, the length of the denials' bytes and these, then the early frames, one after the other:
 * in parts, and in slices, since there may be a great many. Ops that are encoded one after the other
 * read as all of them encoded together.
 */
export async function encodeCarried({ epoch, denials, early }: CarriedOps): Promise<Uint8Array[]> {
  const turn = startTurns();
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < denials.length; at += pieceMax) {
    pieces.push(opsToBytes(denials.slice(at, at + pieceMax)));
    await turn();
  }
  const front = Buffer.alloc(frontBytes);
  writeWide(front, epoch, 0);
  front.writeUInt32LE(
    pieces.reduce((sum, { length }) => sum + length, 0),
    epochBytes,
  );
  return [front, ...pieces, ...early.flatMap(encodeEarly)];
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

function encodeEarly({ proof, body }: EarlyDenials): Uint8Array[] {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(body.length);
  return [encodeProof(proof), length, body];
}

function decodeEarly(bytes: Buffer): EarlyDenials[] {
  const early: EarlyDenials[] = [];
  for (let left = bytes; left.length > 0; ) {
    const { proof, rest } = decodeProof(left);
    const end = lengthBytes + (rest.length < lengthBytes ? Infinity : rest.readUInt32LE());
    if (proof === null || end > rest.length) {
      throw new MalformedFileError('early denials are cut off');
    }
    // The reader's memory is used again.
    const body = Uint8Array.from(rest.subarray(lengthBytes, end));
    // What cannot be read cannot be enforced: then the lane must not be relied on.
    opsFromBytes(body);
    early.push({ proof, body });
    left = rest.subarray(end);
  }
  return early;
}

function isCarried(op: StateOp): op is Denial {
  return op.op === 'generation' || op.op === 'ended_session' || op.op === 'block';
}
