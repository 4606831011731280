import type { Block, BlockKind } from '../../model.ts';
import {
  keyOf,
  numberAt,
  type RowKind,
  type RowView,
  secondOf,
  subOf,
  tailAt,
} from './row-kind.ts';
import { clampInstant, type RowWriter } from './row-writer.ts';

export const blockKind = 3;
const hasEnd = 1;
/** Sub-kind of a kind of block. */
export const blockSub = {
  everyone: 0,
  user: 1,
  device: 2,
  certificate: 3,
  service: 4,
  edge: 5,
} as const satisfies Record<BlockKind, number>;
const kinds = Object.keys(blockSub) as BlockKind[];

/** Key: kind and subject; second: revocation id. It adds two words of its end, if it has one. */
export const blockRow: RowKind = {
  kind: blockKind,
  op: 'block',
  many: true,
  tailWords: (first) => ((first >>> 19) & hasEnd) * 2,
  isPlain: () => false,
  read: (view, at): Block => ({
    op: 'block',
    revocationId: secondOf(view, at),
    kind: kinds[subOf(view.words, at)] as BlockKind,
    subjectId: keyOf(view, at),
    expiresAtMs: blockEnd(view, at),
  }),
};

export function writeBlockIdentity(
  out: RowWriter,
  op: Pick<Block, 'kind' | 'subjectId' | 'revocationId'>,
): void {
  out.begin(blockKind, blockSub[op.kind], op.subjectId);
  out.identity(op.revocationId);
}

export function writeBlock(out: RowWriter, op: Block): void {
  writeBlockIdentity(out, op);
  if (op.expiresAtMs === null) return;
  out.own(hasEnd);
  out.number(clampInstant(op.expiresAtMs, Number.MAX_SAFE_INTEGER));
}

/** When the block at `at` ends; null: when it is lifted. */
export function blockEnd({ words }: RowView, at: number): number | null {
  const first = words[at] as number;
  return ((first >>> 19) & hasEnd) === 0 ? null : numberAt(words, tailAt(words, at));
}
