import type { Position } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { decodeProof, encodeProof, MalformedFileError, readWide, writeWide } from './bytes.ts';
import { type DiskKeys, macBytes } from './disk-keys.ts';
import { headerBytes, sealFile } from './file-format.ts';

/**
 * The index of a row lane names the one file of each shard that counts, and the position from which
 * the journal goes on. A checkpoint writes new files beside those in force and then replaces the
 * index, so that the lane can be read at every instant. Each shard is in its file as it was at that
 * position or later: the journal is applied to all of them from there, and an op that was applied
 * before gives the same row again.
 *
 * Body: proof, number of shards (4 bytes), and for each its sequence (8), bytes (4), MAC (32).
 */
export interface LaneIndex {
  /** Of the journal's segment that begins at `from`; rises with each checkpoint. */
  readonly sequence: number;
  readonly from: Position;
  /** Of the frame at `from`. */
  readonly proof: FrameProof | null;
  /** null: the shard has no rows, and no file. */
  readonly shards: readonly (ShardFile | null)[];
}

export interface ShardFile {
  readonly sequence: number;
  /** Of the whole file. */
  readonly bytes: number;
  readonly mac: Uint8Array;
}

const entryBytes = 12 + macBytes;

export function sealIndex(keys: DiskKeys, lane: RowLane, index: LaneIndex): Buffer {
  const entries = Buffer.alloc(4 + index.shards.length * entryBytes);
  entries.writeUInt32LE(index.shards.length, 0);
  index.shards.forEach((file, shard) => {
    if (file === null) return;
    const at = 4 + shard * entryBytes;
    writeWide(entries, file.sequence, at);
    entries.writeUInt32LE(file.bytes, at + 8);
    entries.set(file.mac, at + 12);
  });
  const header = { kind: 'index', lane, shard: 0, position: index.from, sequence: index.sequence };
  const body = Buffer.concat([encodeProof(index.proof), entries]);
  return sealFile(keys, { ...header, kind: 'index' }, body);
}

/** Reads the body of an index. Throws MalformedFileError. */
export function decodeIndex(
  body: Buffer,
  header: { readonly position: Position; readonly sequence: number },
  shardCount: number,
): LaneIndex {
  const { proof, rest } = decodeProof(body);
  if (rest.length !== 4 + shardCount * entryBytes || rest.readUInt32LE(0) !== shardCount) {
    throw new MalformedFileError('an index for another number of shards');
  }
  const shards = Array.from({ length: shardCount }, (_, shard): ShardFile | null => {
    const at = 4 + shard * entryBytes;
    const bytes = rest.readUInt32LE(at + 8);
    if (bytes < headerBytes) return null;
    const mac = Uint8Array.from(rest.subarray(at + 12, at + entryBytes));
    return { sequence: readWide(rest, at), bytes, mac };
  });
  return { sequence: header.sequence, from: header.position, proof, shards };
}
