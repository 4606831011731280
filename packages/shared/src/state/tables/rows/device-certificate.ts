import type { DeviceCertificate } from '../../model.ts';
import {
  hasPlainStrings,
  keyOf,
  type RowKind,
  type RowView,
  secondOf,
  subMask,
  tailAt,
} from './row-kind.ts';
import { clampInstant, type RowWriter } from './row-writer.ts';

export const deviceCertificateKind = 7;
const hasMilliseconds = 1;
/** 38 bits of seconds. */
const instantMax = 2 ** 38 * 1_000 - 1;
const u32 = 2 ** 32;

/**
 * Key: SHA-256; second: device id. It adds the low words of both instants in seconds, whose upper
 * six bits are in the first word, and a word of milliseconds only if there are any.
 */
export const deviceCertificateRow: RowKind = {
  kind: deviceCertificateKind,
  op: 'device_certificate',
  many: false,
  tailWords: (first) => 2 + ((first >>> 19) & hasMilliseconds),
  isPlain: (first) =>
    hasPlainStrings(first) && (first & subMask) === 0 && ((first >>> 19) & hasMilliseconds) === 0,
  read: (view, at) => readDeviceCertificate(view, at, keyOf(view, at)),
};

export function writeDeviceCertificateKey(out: RowWriter, sha256: string): void {
  out.begin(deviceCertificateKind, 0, sha256);
}

export function writeDeviceCertificate(out: RowWriter, op: DeviceCertificate): void {
  const notBeforeMs = clampInstant(op.notBeforeMs, instantMax);
  const notAfterMs = clampInstant(op.notAfterMs, instantMax);
  const from = Math.floor(notBeforeMs / 1_000);
  const to = Math.floor(notAfterMs / 1_000);
  const rest = (notBeforeMs % 1_000) | ((notAfterMs % 1_000) << 16);
  writeDeviceCertificateKey(out, op.sha256);
  out.second(op.deviceId);
  out.word(from % u32);
  out.word(to % u32);
  if (rest !== 0) out.word(rest);
  out.own(
    (rest === 0 ? 0 : hasMilliseconds) |
      (Math.floor(from / u32) << 1) |
      (Math.floor(to / u32) << 7),
  );
}

/** The certificate at `at`, whose digest is known. */
export function readDeviceCertificate(
  view: RowView,
  at: number,
  sha256: string,
): DeviceCertificate {
  const { words } = view;
  const own = (words[at] as number) >>> 19;
  const tail = tailAt(words, at);
  const rest = (own & hasMilliseconds) === 0 ? 0 : (words[tail + 2] as number);
  const from = (words[tail] as number) + ((own >>> 1) & 63) * u32;
  const to = (words[tail + 1] as number) + (own >>> 7) * u32;
  return {
    op: 'device_certificate',
    sha256,
    deviceId: secondOf(view, at),
    notBeforeMs: from * 1_000 + (rest & 0xffff),
    notAfterMs: to * 1_000 + (rest >>> 16),
  };
}
