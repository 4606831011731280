import { MalformedShardError } from './errors.ts';
import { headWords } from './index-search.ts';
import { type RowLane, shardsPerLane } from './lane.ts';
import { tableLimits } from './limits.ts';
import { Shard } from './shard.ts';
import { slotsFor } from './shard-memory.ts';

/*
 * A shard's own memory, for a store that can tell its bytes from all others: index and rows as they
 * lie there, and their digest, so that nothing is hashed or put in order on the way out or in. As
 * 32-bit little-endian words: the magic number, lane and shard, rows, slots, words of rows, words of
 * gaps, the digest (4), the index, the rows. Not part of the protocol; another layout of the memory
 * needs another magic number.
 */
const magic = 0x31_44_50_53; // 'SPD1'
const frontWords = 10;
const laneNumbers: Readonly<Record<RowLane, number>> = { revoke: 1, signals: 3, directory: 4 };

/** The shard's memory as it is now. */
export function dump(lane: RowLane, index: number, shard: Shard): Uint8Array {
  const { rows, slots, used, garbage, digest } = shard;
  const words = used - headWords;
  const out = new Uint32Array(frontWords + words);
  out[0] = magic;
  out[1] = laneNumbers[lane] | (index << 8);
  out[2] = rows;
  out[3] = slots;
  out[4] = words - slots;
  out[5] = garbage;
  out.set(digest, 6);
  out.set(shard.words.subarray(headWords, used), frontWords);
  return new Uint8Array(out.buffer);
}

/**
 * The shard of a dump. The bytes must be authentic: that they are whole is checked, and that they
 * fit, but not what the rows are. Throws MalformedShardError.
 */
export function restore(lane: RowLane, index: number, bytes: Uint8Array): Shard {
  if (!Number.isInteger(index) || index < 0 || index >= shardsPerLane)
    throw new MalformedShardError(`there is no shard ${index}`);
  const front = new Uint32Array(frontWords);
  new Uint8Array(front.buffer).set(bytes.subarray(0, frontWords * 4));
  const [first, where, rows = 0, slots = 0, rowWords = 0, garbage = 0] = front;
  if (bytes.length < frontWords * 4 || first !== magic)
    throw new MalformedShardError('not the dump of a shard');
  if (where !== (laneNumbers[lane] | (index << 8)))
    throw new MalformedShardError('the dump of another shard');
  if (bytes.length !== (frontWords + slots + rowWords) * 4 || garbage > rowWords)
    throw new MalformedShardError('a dump that is cut off');
  if (rows > tableLimits.shardRows || slotsFor(rows) > slots || rowWords > maxWords)
    throw new MalformedShardError('more rows than a shard can hold');
  const shard = new Shard(front.slice(6, frontWords), slots, rowWords, 0);
  shard.bytes.set(bytes.subarray(frontWords * 4), headWords * 4);
  shard.used = headWords + slots + rowWords;
  shard.rows = rows;
  shard.garbage = garbage;
  return shard;
}

/** Places in the index have 24 bits. */
const maxWords = 2 ** 24;
