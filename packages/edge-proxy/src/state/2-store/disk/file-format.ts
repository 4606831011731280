import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Lane, Position } from '@sallyport/shared/state/model';
import { laneNumbers } from '@sallyport/shared/sync/messages';
import { startTurns } from '../turns.ts';
import { readWide, writeWide } from './bytes.ts';
import { type DiskKeys, macBytes, macOf } from './disk-keys.ts';

/**
 * Every file of the state begins with this header; the MAC is over the rest of the header and the
 * body. Offsets: magic 0, format 8, kind 10, lane 11, shard 12, tag 16, key id 32, epoch 40,
 * rev 48, sequence 56, bytes of the body 64, MAC 80, body 112. What is not named is zero.
 */

const magic = Buffer.from('SPEDGEST', 'latin1');
const format = 1;
const tagAt = 16;
const keyIdAt = 32;
const keyIdBytes = 4;
const macAt = 80;

/** A multiple of 8, so that tables can look at a body in place. */
export const headerBytes = macAt + macBytes;

const kinds = { shard: 1, index: 2, journal: 3, config: 4, keys: 5, carried: 6, marks: 7 } as const;
export type FileKind = keyof typeof kinds;

/** What a file is; a file in the place of another is refused. */
export interface FilePlace {
  readonly kind: FileKind;
  /** null: the file belongs to no lane. */
  readonly lane: Lane | null;
  readonly shard: number;
}

export interface FileHeader extends FilePlace {
  readonly position: Position;
  /** Rises with each writing of files of this place. */
  readonly sequence: number;
}

export const diskProblemCodes = [
  'unreadable',
  'not_ours',
  'newer_format',
  'foreign',
  'misplaced',
  'corrupt',
  'malformed',
  'missing',
  'rollback',
  'journal_cut',
  'marks_missing',
] as const;
export type DiskProblemCode = (typeof diskProblemCodes)[number];

export interface Refused {
  readonly ok: false;
  readonly code: DiskProblemCode;
  readonly detail: string;
}

export interface OpenedHeader {
  readonly ok: true;
  readonly header: FileHeader;
  readonly mac: Buffer;
  readonly key: KeyObject;
  readonly bodyBytes: number;
}

/** The header of a file with this body. */
export function sealHeader(keys: DiskKeys, header: FileHeader, body: Uint8Array): Buffer {
  const bytes = openSeal(keys, header, body.byteLength);
  macOf(keys.keys[0].key, bytes.subarray(0, macAt), body).copy(bytes, macAt);
  return bytes;
}

/** The same for a body in parts; everybody else has a turn between them. */
export async function sealHeaderOf(
  keys: DiskKeys,
  header: FileHeader,
  body: readonly Uint8Array[],
): Promise<Buffer> {
  const bodyBytes = body.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const bytes = openSeal(keys, header, bodyBytes);
  const turn = startTurns();
  const mac = createHmac('sha256', keys.keys[0].key).update(bytes.subarray(0, macAt));
  for (const part of body) {
    mac.update(part);
    await turn();
  }
  mac.digest().copy(bytes, macAt);
  return bytes;
}

/** The header but for its MAC. */
function openSeal(keys: DiskKeys, header: FileHeader, bodyBytes: number): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  magic.copy(bytes);
  bytes.writeUInt16LE(format, 8);
  bytes.writeUInt8(kinds[header.kind], 10);
  bytes.writeUInt8(laneNumber(header.lane), 11);
  bytes.writeUInt32LE(header.shard, 12);
  keys.tag.copy(bytes, tagAt);
  keys.keys[0].id.copy(bytes, keyIdAt);
  writeWide(bytes, header.position.epoch, 40);
  writeWide(bytes, header.position.rev, 48);
  writeWide(bytes, header.sequence, 56);
  writeWide(bytes, bodyBytes, 64);
  return bytes;
}

/** A file as one piece. */
export function sealFile(keys: DiskKeys, header: FileHeader, body: Uint8Array): Buffer {
  return Buffer.concat([sealHeader(keys, header, body), body]);
}

/** Reads a whole file: header and body, nothing after it. The body is a view. */
export function openFile(
  keys: DiskKeys,
  bytes: Buffer,
  place: FilePlace,
): (OpenedHeader & { readonly body: Buffer }) | Refused {
  const opened = readHeader(keys, bytes, place);
  if (!opened.ok) return opened;
  const body = bytes.subarray(headerBytes);
  if (body.length !== opened.bodyBytes) {
    return refused('corrupt', `it has ${body.length} bytes of ${opened.bodyBytes}`);
  }
  return isAuthentic(bytes, body, opened) ? { ...opened, body } : altered();
}

/** Reads the header of a journal, which has no body: records follow with MACs of their own. */
export function openJournalHeader(
  keys: DiskKeys,
  bytes: Buffer,
  place: FilePlace,
): OpenedHeader | Refused {
  const opened = readHeader(keys, bytes, place);
  if (!opened.ok) return opened;
  const none = bytes.subarray(0, 0);
  return opened.bodyBytes === 0 && isAuthentic(bytes, none, opened) ? opened : altered();
}

function readHeader(keys: DiskKeys, bytes: Buffer, place: FilePlace): OpenedHeader | Refused {
  if (bytes.length < headerBytes) return refused('corrupt', 'it is shorter than its header');
  if (!bytes.subarray(0, magic.length).equals(magic)) {
    return refused('not_ours', 'it is not a file of the state');
  }
  const found = bytes.readUInt16LE(8);
  if (found > format)
    return refused('newer_format', `format ${found}, this version reads ${format}`);
  if (found !== format) return refused('not_ours', `there is no format ${found}`);
  if (!bytes.subarray(tagAt, tagAt + keys.tag.length).equals(keys.tag)) {
    return refused('foreign', 'it was written for another edge or under another root');
  }
  if (!isAt(bytes, place)) return refused('misplaced', 'it belongs to another place');
  const id = bytes.subarray(keyIdAt, keyIdAt + keyIdBytes);
  const numbered = keys.keys.find((candidate) => candidate.id.equals(id));
  if (numbered === undefined) return refused('foreign', 'the local key it was made with is gone');
  return {
    ok: true,
    header: {
      ...place,
      position: { epoch: readWide(bytes, 40), rev: readWide(bytes, 48) },
      sequence: readWide(bytes, 56),
    },
    mac: Buffer.from(bytes.subarray(macAt, headerBytes)),
    key: numbered.key,
    bodyBytes: readWide(bytes, 64),
  };
}

function isAt(bytes: Buffer, { kind, lane, shard }: FilePlace): boolean {
  return (
    bytes.readUInt8(10) === kinds[kind] &&
    bytes.readUInt8(11) === laneNumber(lane) &&
    bytes.readUInt32LE(12) === shard
  );
}

function isAuthentic(bytes: Buffer, body: Buffer, { key, mac }: OpenedHeader): boolean {
  return timingSafeEqual(macOf(key, bytes.subarray(0, macAt), body), mac);
}

function laneNumber(lane: Lane | null): number {
  return lane === null ? 0 : laneNumbers[lane];
}

function altered(): Refused {
  return refused('corrupt', 'its content is not what was written');
}

function refused(code: DiskProblemCode, detail: string): Refused {
  return { ok: false, code, detail };
}
