import type { Device } from '../../model.ts';
import { tableLimits } from '../limits.ts';
import { isAscii, readText, wordsOf } from '../text.ts';
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

/** Key: id; second: the owner, empty for none. Its own bits: managed, length of the name it adds. */
export const deviceRow: RowKind = {
  kind: deviceKind,
  op: 'device',
  many: false,
  tailWords: (first) => wordsOf(first >>> 20),
  isPlain: (first, words, tail) =>
    hasPlainStrings(first) && (first & subMask) === 0 && isAscii(words, tail, first >>> 20),
  read: (view, at) => readDevice(view, at, keyOf(view, at)),
};

export function writeDeviceKey(out: RowWriter, id: string): void {
  out.begin(deviceKind, 0, id);
}

export function writeDevice(out: RowWriter, op: Device): void {
  writeDeviceKey(out, op.id);
  out.second(op.ownerUserId ?? '');
  const length = out.text(op.name, tableLimits.deviceNameBytes, "a device's name");
  out.own((op.managed ? 1 : 0) | (length << 1));
}

/** The device at `at`, whose id is known. */
export function readDevice(view: RowView, at: number, id: string): Device {
  const own = (view.words[at] as number) >>> 19;
  const owner = secondOf(view, at);
  return {
    op: 'device',
    id,
    name: readText(view.words, view.bytes, tailAt(view.words, at), own >>> 1),
    managed: (own & 1) === 1,
    ownerUserId: owner === '' ? null : owner,
  };
}
