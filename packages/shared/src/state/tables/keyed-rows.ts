import { createHash } from 'node:crypto';
import { MalformedShardError } from './errors.ts';
import { murmur3 } from './murmur.ts';
import { wordsOf } from './text.ts';

const magic = 0x31_4b_50_53; // 'SPK1'
const frontWords = 2;
const bytesMax = 256 * 2 ** 20;
const hash = new Uint32Array(4);

/**
 * Rows by a text key, kept as bytes on the heap: the `config` lane, whose rows are few and large.
 * A row is its key's length and its bytes' length in a word each, the key as UTF-8 and the bytes,
 * both filled up with zeros to whole words.
 */
export class KeyedRows {
  readonly #rows = new Map<string, Uint32Array>();
  readonly #sum = new Uint32Array(4);

  get size(): number {
    return this.#rows.size;
  }

  /** Puts the row of this key. */
  put(key: string, bytes: Uint8Array): void {
    this.delete(key);
    const row = writeRow(key, bytes);
    this.#rows.set(key, row);
    this.#add(row);
  }

  /** Takes the row of this key away. Returns whether there was one. */
  delete(key: string): boolean {
    const row = this.#rows.get(key);
    if (row === undefined) return false;
    murmur3(row[0] as number, row, 0, row.length, hash);
    for (let i = 0; i < 4; i += 1) this.#sum[i] = (this.#sum[i] as number) - (hash[i] as number);
    return this.#rows.delete(key);
  }

  /** The bytes of a key; null: there are none. */
  get(key: string): Uint8Array | null {
    const row = this.#rows.get(key);
    return row === undefined ? null : bytesOf(row);
  }

  /** The rows by key, in no particular order. */
  *entries(): Generator<readonly [string, Uint8Array]> {
    for (const [key, row] of this.#rows) yield [key, bytesOf(row)];
  }

  /** Sum of the rows' hashes, 16 bytes: the lane's only shard. */
  shardDigest(): Uint8Array {
    return new Uint8Array(this.#sum.buffer.slice(0));
  }

  /** SHA-256 of the shard's digest, 32 bytes. */
  digest(): Uint8Array {
    return createHash('sha256').update(this.shardDigest()).digest();
  }

  /** Canonical bytes: the same rows give the same bytes. */
  encode(): Uint8Array {
    const rows = [...this.#rows.entries()].sort(([a], [b]) => compareKeys(a, b));
    const front = new Uint32Array([magic, rows.length]);
    return Buffer.concat([front, ...rows.map(([, row]) => row)].map(asBytes));
  }

  /** Takes the rows of canonical bytes in place of its own. Throws MalformedShardError, unchanged. */
  load(bytes: Uint8Array): void {
    const rows = readAll(bytes);
    this.#rows.clear();
    this.#sum.fill(0);
    for (const [key, row] of rows) {
      this.#rows.set(key, row);
      this.#add(row);
    }
  }

  #add(row: Uint32Array): void {
    murmur3(row[0] as number, row, 0, row.length, hash);
    for (let i = 0; i < 4; i += 1) this.#sum[i] = (this.#sum[i] as number) + (hash[i] as number);
  }
}

function writeRow(key: string, bytes: Uint8Array): Uint32Array {
  const keyBytes = Buffer.from(key, 'utf8');
  const row = new Uint32Array(2 + wordsOf(keyBytes.length) + wordsOf(bytes.length));
  row[0] = keyBytes.length;
  row[1] = bytes.length;
  asBytes(row).set(keyBytes, 8);
  asBytes(row).set(bytes, 8 + wordsOf(keyBytes.length) * 4);
  return row;
}

function bytesOf(row: Uint32Array): Uint8Array {
  const start = 8 + wordsOf(row[0] as number) * 4;
  return asBytes(row).subarray(start, start + (row[1] as number));
}

function asBytes(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
}

function compareKeys(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}

function readAll(bytes: Uint8Array): Map<string, Uint32Array> {
  if (bytes.length < frontWords * 4 || bytes.length % 4 !== 0 || bytes.length > bytesMax)
    throw new MalformedShardError('not the bytes of keyed rows');
  const words = new Uint32Array(bytes.length / 4);
  asBytes(words).set(bytes);
  if (words[0] !== magic) throw new MalformedShardError('not the bytes of keyed rows');
  const rows = new Map<string, Uint32Array>();
  let at = frontWords;
  let before: string | null = null;
  for (let row = words[1] as number; row > 0; row -= 1) {
    const { key, end } = readRow(words, at);
    if (before !== null && compareKeys(before, key) >= 0)
      throw new MalformedShardError('rows out of order');
    rows.set(key, words.slice(at, end));
    before = key;
    at = end;
  }
  if (at !== words.length) throw new MalformedShardError('words behind the last row');
  return rows;
}

function readRow(words: Uint32Array, at: number): { key: string; end: number } {
  const keyLength = words[at] ?? Number.POSITIVE_INFINITY;
  const length = words[at + 1] ?? Number.POSITIVE_INFINITY;
  if (keyLength + length > (words.length - at) * 4)
    throw new MalformedShardError('a row that is cut off');
  const end = at + 2 + wordsOf(keyLength) + wordsOf(length);
  if (end > words.length) throw new MalformedShardError('a row that is cut off');
  const row = words.subarray(at, end);
  const key = Buffer.from(asBytes(row).subarray(8, 8 + keyLength)).toString('utf8');
  const again = writeRow(key, bytesOf(row));
  if (Buffer.compare(asBytes(again), asBytes(row)) !== 0)
    throw new MalformedShardError('a row that is not in its canonical form');
  return { key, end };
}
