import { MalformedShardError, TableLimitError } from './errors.ts';
import { orderOf, shardOf } from './index-search.ts';
import { type RowLane, shardsPerLane } from './lane.ts';
import { tableLimits } from './limits.ts';
import { packedWords } from './packed-id.ts';
import { compareRows, inOrder } from './row-order.ts';
import { isKindOf, rowKind, rowWords } from './rows/kinds.ts';
import { type RowKind, tailAt } from './rows/row-kind.ts';
import { RowWriter } from './rows/row-writer.ts';
import { writeOp } from './rows/write-op.ts';
import { Shard } from './shard.ts';
import { hashRowKey, slotsFor } from './shard-memory.ts';

/*
 * Canonical bytes of a shard, as 32-bit little-endian words: the magic number, lane and shard, the
 * number of rows, and the rows by the 128 bits of their key's hash, rows of one key by what else
 * tells them apart. docs/protocol.md has the whole layout.
 */
const magic = 0x31_53_50_53; // 'SPS1'
const frontWords = 3;
const laneNumbers: Readonly<Record<RowLane, number>> = { revoke: 1, signals: 3, directory: 4 };

/** The shard's canonical bytes. */
export function encodeRows(lane: RowLane, index: number, shard: Shard): Uint8Array {
  const places = inOrder(shard);
  const out = new Uint32Array(frontWords + shard.liveWords());
  out[0] = magic;
  out[1] = laneNumbers[lane] | (index << 8);
  out[2] = places.length;
  let at = frontWords;
  for (const place of places) {
    const count = rowWords(shard.words, place);
    for (let i = 0; i < count; i += 1) out[at + i] = shard.words[place + i] as number;
    at += count;
  }
  return new Uint8Array(out.buffer);
}

/**
 * The shard of these canonical bytes. Throws MalformedShardError for anything but the one encoding
 * of rows that belong here; its memory is what the bytes take.
 */
export function decodeRows(lane: RowLane, index: number, bytes: Uint8Array): Shard {
  if (!Number.isInteger(index) || index < 0 || index >= shardsPerLane)
    throw new MalformedShardError(`there is no shard ${index}`);
  const rows = readFront(lane, index, bytes);
  const slots = slotsFor(rows);
  const count = bytes.length / 4 - frontWords;
  const shard = new Shard(new Uint32Array(4), slots, count, 0);
  shard.bytes.set(bytes.subarray(frontWords * 4), shard.used * 4);
  const end = shard.used + count;
  let before = 0;
  let orderBefore = -1;
  for (let row = 0; row < rows; row += 1) {
    const at = shard.used;
    const length = checkRow(lane, shard, at, end);
    let hash = hashRowKey(shard.words, at);
    if (shardOf(hash) !== index)
      throw new MalformedShardError(`row ${row} belongs to another shard`);
    const order = orderOf(hash);
    if (order <= orderBefore) {
      if (order < orderBefore || compareRows(shard.words, before, at) >= 0)
        throw new MalformedShardError(`row ${row} is out of order`);
      hash = hashRowKey(shard.words, at);
    }
    shard.link(at);
    shard.add(at, length);
    shard.used += length;
    before = at;
    orderBefore = order;
  }
  if (shard.used !== end) throw new MalformedShardError('words behind the last row');
  shard.rows = rows;
  return shard;
}

function readFront(lane: RowLane, index: number, bytes: Uint8Array): number {
  const front = new Uint32Array(frontWords);
  new Uint8Array(front.buffer).set(bytes.subarray(0, frontWords * 4));
  const [first, where, rows = 0] = front;
  if (bytes.length < frontWords * 4 || bytes.length % 4 !== 0 || first !== magic)
    throw new MalformedShardError('not the bytes of a shard');
  if (where !== (laneNumbers[lane] | (index << 8)))
    throw new MalformedShardError('the bytes of another shard');
  const words = bytes.length / 4 - frontWords;
  if (words > tableLimits.shardWords || rows > tableLimits.shardRows || rows > words)
    throw new MalformedShardError('more rows than a shard can hold');
  return rows;
}

const again = new RowWriter();

/** Words of the row at `at`. Throws unless it is whole and is what its own op would write. */
function checkRow(lane: RowLane, shard: Shard, at: number, end: number): number {
  const row = knownKind(lane, shard.words[at] ?? 0);
  const length = boundedWords(row, shard.words, at, end);
  if (row.isPlain(shard.words[at] as number, shard.words, tailAt(shard.words, at))) return length;
  const op = row.read(shard, at);
  if (op.op === 'generation' && op.value === 0)
    throw new MalformedShardError('a generation that was never raised');
  again.clear();
  try {
    writeOp(again, lane, op);
  } catch (cause) {
    if (!(cause instanceof TableLimitError)) throw cause;
    throw new MalformedShardError('a row that no table can hold', { cause });
  }
  let same = again.rowWords() === length;
  for (let i = 0; same && i < length; i += 1) same = again.words[i] === shard.words[at + i];
  if (!same) throw new MalformedShardError('a row that is not in its canonical form');
  return length;
}

function knownKind(lane: RowLane, first: number): RowKind {
  const row = rowKind(first);
  if (row === null || !isKindOf(lane, row))
    throw new MalformedShardError('a row of a kind that does not belong here');
  return row;
}

/** Words of the row, which ends before `end`. */
function boundedWords(row: RowKind, words: Uint32Array, at: number, end: number): number {
  const first = words[at] as number;
  let next = at + 1;
  for (const shift of [7, 13]) {
    if (next < end) next += packedWords((first >>> shift) & 15, words, next);
    if (next > end) throw new MalformedShardError('a row that is cut off');
  }
  if (next < end) next += row.tailWords(first, words, next);
  else next += row.tailWords(first, new Uint32Array(2), 0);
  if (next > end || next - at > tableLimits.rowWords)
    throw new MalformedShardError('a row that is cut off');
  return next - at;
}
