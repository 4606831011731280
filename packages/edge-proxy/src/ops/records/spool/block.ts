import { crc32 } from 'node:zlib';
import { open, type SealKey, seal } from '@sallyport/shared/seal';

/**
 * A block of a segment: some records of one class, sealed together. A header of 40 bytes stands in
 * front of the sealed lines: magic (4), bytes that follow (4), number (8), records of this class and
 * run before it (8), records (4), class (1), nothing (7), CRC-32 of all that (4). The seal holds for
 * the header and for the end of the block before too, so that no block can be left out, moved or put
 * elsewhere. The header can be read where the rest was torn: it says how many records are missing.
 */

export const headerBytes = 40;
/** Bytes at the end of a block that the next one is chained to. */
export const chainBytes = 16;
/** More than any block has. */
const bodyBytesMax = 8 * 1024 * 1024;
const magic = 0x31_52_50_53;
const checked = headerBytes - 4;

export interface BlockHeader {
  /** Run of the process and block of the run: rises with each block of either class. */
  readonly number: number;
  /** Records of this class that were written before it in the same run. */
  readonly before: number;
  readonly records: number;
  readonly denial: boolean;
  /** Bytes that follow the header. */
  readonly bodyBytes: number;
}

export type BlockPlace = Omit<BlockHeader, 'bodyBytes'>;

/** What the first block of a segment is chained to. */
export const firstChain: Buffer = Buffer.alloc(chainBytes);

export function encodeBlock(
  key: SealKey,
  context: string,
  chain: Buffer,
  place: BlockPlace,
  lines: Uint8Array,
): Buffer {
  const body = seal(key, lines, contextOf(context, place, chain));
  const block = Buffer.allocUnsafe(headerBytes + body.length);
  block.fill(0, 0, headerBytes);
  block.writeUInt32LE(magic, 0);
  block.writeUInt32LE(body.length, 4);
  block.writeBigUInt64LE(BigInt(place.number), 8);
  block.writeBigUInt64LE(BigInt(place.before), 16);
  block.writeUInt32LE(place.records, 24);
  block.writeUInt8(place.denial ? 1 : 0, 28);
  block.writeUInt32LE(crc32(block.subarray(0, checked)), checked);
  block.set(body, headerBytes);
  return block;
}

/** null: no header of a block stands there. */
export function readHeader(bytes: Buffer): BlockHeader | null {
  if (bytes.length < headerBytes || bytes.readUInt32LE(0) !== magic) return null;
  if (crc32(bytes.subarray(0, checked)) !== bytes.readUInt32LE(checked)) return null;
  const bodyBytes = bytes.readUInt32LE(4);
  if (bodyBytes > bodyBytesMax || bodyBytes < chainBytes) return null;
  return {
    number: Number(bytes.readBigUInt64LE(8)),
    before: Number(bytes.readBigUInt64LE(16)),
    records: bytes.readUInt32LE(24),
    denial: bytes.readUInt8(28) === 1,
    bodyBytes,
  };
}

/** The lines of a block; null where a single bit is another than what was written. */
export function openBlock(
  key: SealKey,
  context: string,
  chain: Buffer,
  place: BlockPlace,
  body: Buffer,
): Uint8Array<ArrayBuffer> | null {
  try {
    return new Uint8Array(open(key, body, contextOf(context, place, chain)));
  } catch {
    return null;
  }
}

/** What the block behind this one is chained to. */
export function chainOf(body: Buffer): Buffer {
  return Buffer.from(body.subarray(body.length - chainBytes));
}

function contextOf(context: string, place: BlockPlace, chain: Buffer): string {
  const { number, before, records, denial } = place;
  return `${context}\0${number}\0${before}\0${records}\0${denial}\0${chain.toString('hex')}`;
}
