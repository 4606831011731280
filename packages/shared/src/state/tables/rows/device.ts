import type { Device } from '../../model.ts';
import { tableLimits } from '../limits.ts';
import { isAscii, readText, wordsOf } from '../text.ts';
import { readPosture, writePosture } from './posture.ts';
import {
  hasPlainStrings,
  keyOf,
  type RowKind,
  type RowView,
  secondOf,
  subMask,
  tailAt,
} from './row-kind.ts';
import type { RowWriter } from './row-writer.ts';

export const deviceKind = 6;

const nameMask = 0x7ff;

/**
 * Key: id; second: the owner, empty for none. Its own bits: managed, length of the name, whether
 * there is posture. It adds the number of words of its posture, if there is any, the name, and the
 * posture.
 */
export const deviceRow: RowKind = {
  kind: deviceKind,
  op: 'device',
  many: false,
  tailWords: (first, words, tail) => nameWords(first) + postureTail(first, words, tail),
  isPlain: (first, words, tail) =>
    hasPlainStrings(first) &&
    (first & subMask) === 0 &&
    !hasPosture(first) &&
    isAscii(words, tail, nameBytes(first)),
  read: (view, at) => readDevice(view, at, keyOf(view, at)),
};

export function writeDeviceKey(out: RowWriter, id: string): void {
  out.begin(deviceKind, 0, id);
}

export function writeDevice(out: RowWriter, op: Device): void {
  writeDeviceKey(out, op.id);
  out.second(op.ownerUserId ?? '');
  const head = out.at;
  const observed = op.posture.length > 0;
  if (observed) out.word(0);
  const length = out.text(op.name, tableLimits.deviceNameBytes, "a device's name");
  const posture = out.at;
  if (observed) {
    writePosture(out, op.posture);
    out.words[head] = out.at - posture;
  }
  out.own((op.managed ? 1 : 0) | (length << 1) | (observed ? 1 << 12 : 0));
}

/** The device at `at`, whose id is known. */
export function readDevice(view: RowView, at: number, id: string): Device {
  const { words, bytes } = view;
  const first = words[at] as number;
  const owner = secondOf(view, at);
  const tail = tailAt(words, at);
  const observed = hasPosture(first);
  const name = observed ? tail + 1 : tail;
  const postureWords = observed ? (words[tail] as number) : 0;
  return {
    op: 'device',
    id,
    name: readText(words, bytes, name, nameBytes(first)),
    managed: ((first >>> 19) & 1) === 1,
    ownerUserId: owner === '' ? null : owner,
    posture: readPosture(view, name + nameWords(first), postureWords),
  };
}

function nameBytes(first: number): number {
  return (first >>> 20) & nameMask;
}

function nameWords(first: number): number {
  return wordsOf(nameBytes(first));
}

function hasPosture(first: number): boolean {
  return first >>> 31 === 1;
}

/** Words that posture adds: how many there are, and they. */
function postureTail(first: number, words: Uint32Array, tail: number): number {
  return hasPosture(first) ? 1 + (words[tail] as number) : 0;
}
