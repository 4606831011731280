import type { KeyObject } from 'node:crypto';
import type { Lane } from '@sallyport/shared/state/model';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { readWide, writeWide } from './bytes.ts';
import { macOf } from './disk-keys.ts';

/**
 * A record of a journal: length of type and payload (4 bytes), type (1), payload, chain (16). The
 * chain is the start of the HMAC over the chain of the record before (for the first one, of the
 * file's own MAC) and this record, so that a record cannot be left out, moved or put elsewhere.
 *
 * The one type is a frame: epoch, previous revision, revision (8 each), length of the key id (2),
 * key id, length of the signature (2), signature, body.
 */

const frameType = 1;
const lengthBytes = 4;
const frameFixedBytes = 28;

/** Bytes of the chain at the end of each record. */
const chainBytes = 16;

/** The bytes of the next record, with the chain that it ends with. */
export function encodeRecord(key: KeyObject, chain: Buffer, frame: FrameMessage): Buffer {
  const bytes = frameRecord(frame);
  const end = bytes.length - chainBytes;
  macOf(key, chain, bytes.subarray(0, end)).copy(bytes, end, 0, chainBytes);
  return bytes;
}

/** The chain that a record ends with. */
export function chainOf(record: Buffer): Buffer {
  return record.subarray(record.length - chainBytes);
}

export type ReadRecord =
  | { readonly ok: true; readonly frame: FrameMessage; readonly record: Buffer }
  | { readonly ok: false; readonly detail: string };

/** Reads the record at `offset`; what is not whole and authentic is not read at all. */
export function readRecord(
  key: KeyObject,
  chain: Buffer,
  bytes: Buffer,
  offset: number,
  lane: Lane,
): ReadRecord {
  const left = bytes.length - offset;
  if (left < lengthBytes + 1 + chainBytes) return { ok: false, detail: 'a record is cut off' };
  const total = lengthBytes + bytes.readUInt32LE(offset) + chainBytes;
  if (total > left || total <= lengthBytes + chainBytes) {
    return { ok: false, detail: 'a record is cut off' };
  }
  const record = bytes.subarray(offset, offset + total);
  const content = record.subarray(0, total - chainBytes);
  if (!macOf(key, chain, content).subarray(0, chainBytes).equals(chainOf(record))) {
    return { ok: false, detail: 'a record is not what was written' };
  }
  if (content.readUInt8(lengthBytes) !== frameType) {
    return { ok: false, detail: 'a record is of a type that this version does not know' };
  }
  return { ok: true, frame: decodeFrame(content, lane), record };
}

function frameRecord(frame: FrameMessage): Buffer {
  const keyId = Buffer.from(frame.keyId, 'utf8');
  const bodyAt = lengthBytes + 1 + frameFixedBytes + keyId.length + frame.signature.length;
  const bytes = Buffer.allocUnsafe(bodyAt + frame.body.length + chainBytes);
  bytes.writeUInt32LE(bytes.length - lengthBytes - chainBytes, 0);
  bytes.writeUInt8(frameType, 4);
  writeWide(bytes, frame.epoch, 5);
  writeWide(bytes, frame.prevRev, 13);
  writeWide(bytes, frame.rev, 21);
  bytes.writeUInt16LE(keyId.length, 29);
  bytes.set(keyId, 31);
  bytes.writeUInt16LE(frame.signature.length, 31 + keyId.length);
  bytes.set(frame.signature, 33 + keyId.length);
  bytes.set(frame.body, bodyAt);
  return bytes;
}

function decodeFrame(content: Buffer, lane: Lane): FrameMessage {
  const keyIdEnd = 31 + content.readUInt16LE(29);
  const signatureEnd = keyIdEnd + 2 + content.readUInt16LE(keyIdEnd);
  return {
    lane,
    epoch: readWide(content, 5),
    prevRev: readWide(content, 13),
    rev: readWide(content, 21),
    keyId: content.toString('utf8', 31, keyIdEnd),
    signature: content.subarray(keyIdEnd + 2, signatureEnd),
    body: content.subarray(signatureEnd),
  };
}
