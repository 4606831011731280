import type { FrameProof } from '@sallyport/shared/sync/messages';

/** Small parts of the file formats: integers are little-endian, 8-byte ones stay below 2^53. */

const wide = 2 ** 32;

/** Writes a whole number of 0 to 2^53 - 1 in 8 bytes. */
export function writeWide(bytes: Buffer, value: number, offset: number): void {
  bytes.writeUInt32LE(value % wide, offset);
  bytes.writeUInt32LE(Math.floor(value / wide), offset + 4);
}

/** Reads what `writeWide` wrote. */
export function readWide(bytes: Buffer, offset: number): number {
  return bytes.readUInt32LE(offset) + bytes.readUInt32LE(offset + 4) * wide;
}

/** The bytes in a file are authentic and still not of this form: another version wrote them. */
export class MalformedFileError extends Error {
  override readonly name = 'MalformedFileError';
}

const bodyHashBytes = 32;
const proofFixedBytes = 24 + bodyHashBytes;

/** A proof, or nothing, with its length in front. */
export function encodeProof(proof: FrameProof | null): Buffer {
  if (proof === null) return Buffer.alloc(4);
  const keyId = Buffer.from(proof.keyId, 'utf8');
  const head = Buffer.alloc(4 + proofFixedBytes + 2);
  head.writeUInt32LE(proofFixedBytes + 2 + keyId.length + proof.signature.length, 0);
  writeWide(head, proof.epoch, 4);
  writeWide(head, proof.prevRev, 12);
  writeWide(head, proof.rev, 20);
  head.set(proof.bodySha256, 28);
  head.writeUInt16LE(keyId.length, 4 + proofFixedBytes);
  return Buffer.concat([head, keyId, proof.signature]);
}

/**
 * Reads what `encodeProof` wrote at the start of `bytes`; `rest` is what follows it.
 * Throws MalformedFileError.
 */
export function decodeProof(bytes: Buffer): { proof: FrameProof | null; rest: Buffer } {
  if (bytes.length < 4) throw new MalformedFileError('no proof');
  const end = 4 + bytes.readUInt32LE(0);
  if (end > bytes.length) throw new MalformedFileError('a proof is cut off');
  const rest = bytes.subarray(end);
  if (end === 4) return { proof: null, rest };
  const keyIdAt = 4 + proofFixedBytes + 2;
  const signatureAt = keyIdAt + (end < keyIdAt ? 0 : bytes.readUInt16LE(keyIdAt - 2));
  if (end < keyIdAt || signatureAt > end) throw new MalformedFileError('a proof is too short');
  const proof: FrameProof = {
    epoch: readWide(bytes, 4),
    prevRev: readWide(bytes, 12),
    rev: readWide(bytes, 20),
    bodySha256: Uint8Array.from(bytes.subarray(28, 28 + bodyHashBytes)),
    keyId: bytes.toString('utf8', keyIdAt, signatureAt),
    signature: Uint8Array.from(bytes.subarray(signatureAt, end)),
  };
  return { proof, rest };
}
