import { BadValue, ValueChecker } from './check-values.ts';
import { Mmdb, type MmdbMetadata } from './mmdb.ts';
import type { PlaceKind, RefusalCode, Refused } from './place-file.ts';
import { topKeys } from './record.ts';

/**
 * Looks at a whole file in the MaxMind format before anything is looked up in it. What passes cannot
 * make a lookup throw, run on or read outside of the file, whatever address is asked for: each
 * record of the tree leads to a node, to nothing or to a value that was walked.
 */

export interface SoundFile {
  readonly ok: true;
  readonly metadata: MmdbMetadata;
}

const marker = Buffer.from('abcdef4d61784d696e642e636f6d', 'hex');
/** The format puts the marker into the last so many bytes. */
const metadataBytesMax = 128 * 1_024;
const separatorBytes = 16;
/** For one byte of the file; real ones take a fifth of it. */
const stepsPerByte = 4;
/** Values of which it is asked what they are about. */
const samples = 1_000;
const builtAtMsMax = Date.UTC(2100, 0, 1);

class Bad extends Error {
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

export function checkMmdb(bytes: Buffer, kind: PlaceKind): SoundFile | Refused {
  try {
    const end = findMetadata(bytes);
    const metadata = readMetadata(bytes, end);
    const seen = checkTree(bytes, metadata, end);
    if (!isAbout(kind, seen)) throw new Bad('wrong_type', `nothing in it is of the kind ${kind}`);
    return { ok: true, metadata };
  } catch (error) {
    if (error instanceof Bad) return { ok: false, code: error.code, detail: error.message };
    if (error instanceof BadValue) return { ok: false, code: 'bad_data', detail: error.message };
    throw error;
  }
}

/** Where the data ends and the marker of the metadata begins. */
function findMetadata(bytes: Buffer): number {
  const at = bytes.lastIndexOf(marker);
  if (at < 0 || at < bytes.length - metadataBytesMax) {
    throw new Bad('not_mmdb', 'it does not end with metadata');
  }
  return at;
}

function readMetadata(bytes: Buffer, end: number): MmdbMetadata {
  const start = end + marker.length;
  const wrong = (what: string): Bad => new Bad('bad_metadata', what);
  // A map, which also is where the library begins to read.
  if ((bytes[start] ?? 0) >>> 5 !== 7) throw wrong('the metadata is no map');
  try {
    new ValueChecker(bytes, start, bytes.length).check(0);
  } catch (error) {
    throw error instanceof BadValue ? wrong(error.message) : error;
  }
  const metadata = metadataOf(bytes);
  if (metadata === null) throw wrong('the metadata has values of other types');
  const { nodeCount, recordSize, ipVersion, builtAtMs } = metadata;
  if (ipVersion !== 4 && ipVersion !== 6) throw wrong(`IP version ${ipVersion}`);
  if (![24, 28, 32].includes(recordSize)) throw wrong(`record size ${recordSize}`);
  if (!(builtAtMs >= 0 && builtAtMs < builtAtMsMax)) throw wrong('it was made at no instant');
  const room = end - (nodeCount * recordSize) / 4 - separatorBytes;
  if (!(nodeCount >= 1 && room >= 1)) throw wrong(`${nodeCount} nodes in ${bytes.length} bytes`);
  return metadata;
}

/** null: the library cannot read it, or what it reads is not what it takes it for. */
function metadataOf(bytes: Buffer): MmdbMetadata | null {
  try {
    const { metadata } = new Mmdb(bytes);
    const { nodeCount, databaseType } = metadata;
    return Number.isInteger(nodeCount) && typeof databaseType === 'string' ? metadata : null;
  } catch {
    return null;
  }
}

/** Follows every record of the tree once. Gives the keys of some of the values. */
function checkTree(bytes: Buffer, metadata: MmdbMetadata, end: number): ReadonlySet<string> {
  const { nodeCount, recordSize } = metadata;
  const dataStart = (nodeCount * recordSize) / 4 + separatorBytes;
  const dataBytes = end - dataStart;
  const checker = new ValueChecker(bytes, dataStart, end);
  const checked = new Uint8Array(Math.ceil(dataBytes / 8));
  const keys = new Set<string>();
  let steps = 0;
  let values = 0;
  const take = (record: number): void => {
    if (record <= nodeCount) return;
    const offset = record - nodeCount - separatorBytes;
    if (offset < 0 || offset >= dataBytes) throw new Bad('bad_tree', `a record is ${record}`);
    const bit = 1 << (offset & 7);
    const before = checked[offset >>> 3] as number;
    if ((before & bit) !== 0) return;
    checked[offset >>> 3] = before | bit;
    steps += checker.check(offset);
    if (steps > stepsPerByte * bytes.length) throw new Bad('bad_data', 'its values share too much');
    values += 1;
    if (values <= samples) for (const key of checker.keys(offset)) keys.add(key);
  };
  eachRecord(bytes, nodeCount, recordSize, take);
  return keys;
}

/** By hand: a file has millions of them. */
function eachRecord(
  bytes: Buffer,
  nodeCount: number,
  recordSize: number,
  take: (record: number) => void,
): void {
  const nodeBytes = recordSize / 4;
  const end = nodeCount * nodeBytes;
  const three = (at: number): number =>
    ((bytes[at] as number) << 16) | ((bytes[at + 1] as number) << 8) | (bytes[at + 2] as number);
  for (let at = 0; at < end; at += nodeBytes) {
    if (recordSize === 24) {
      take(three(at));
      take(three(at + 3));
    } else if (recordSize === 28) {
      const middle = bytes[at + 3] as number;
      take(((middle & 0xf0) << 20) | three(at));
      take(((middle & 0x0f) << 24) | three(at + 4));
    } else {
      take((bytes[at] as number) * 2 ** 24 + three(at + 1));
      take((bytes[at + 4] as number) * 2 ** 24 + three(at + 5));
    }
  }
}

function isAbout(kind: PlaceKind, keys: ReadonlySet<string>): boolean {
  return topKeys[kind].some((key) => keys.has(key));
}
