import type { RowLane } from '../lane.ts';
import { blockRow } from './block.ts';
import { deviceRow } from './device.ts';
import { deviceCertificateRow } from './device-certificate.ts';
import { endedSessionRow } from './ended-session.ts';
import { generationRow } from './generation.ts';
import { identityMask, keyMask, type RowKind, tailAt } from './row-kind.ts';
import { signalRow } from './signal.ts';
import { userRow } from './user.ts';

const kindsOfLane: Readonly<Record<RowLane, readonly RowKind[]>> = {
  revoke: [generationRow, endedSessionRow, blockRow],
  signals: [signalRow],
  directory: [userRow, deviceRow, deviceCertificateRow],
};

/** By the low four bits of a row's first word; null: there is no such kind. */
const kinds: (RowKind | null)[] = Array.from({ length: 16 }, () => null);
for (const row of Object.values(kindsOfLane).flat()) kinds[row.kind] = row;

/** The kind of a row by its first word; null: none that this version knows. */
export function rowKind(first: number): RowKind | null {
  return kinds[first & 15] ?? null;
}

/** Whether rows of the kind belong to the lane. */
export function isKindOf(lane: RowLane, row: RowKind): boolean {
  return kindsOfLane[lane].includes(row);
}

/** Words of the row at `at`, which was written by us or has been checked. */
export function rowWords(words: Uint32Array, at: number): number {
  const first = words[at] as number;
  const tail = tailAt(words, at);
  return tail - at + (rowKind(first)?.tailWords(first, words, tail) ?? 0);
}

/** The bits of the first word that tell the kind's rows apart. */
export function identityMaskOf(first: number): number {
  return rowKind(first)?.many === true ? identityMask : keyMask;
}
