import type { Generation, GenerationScope } from '../../model.ts';
import { keyOf, numberAt, type RowKind, type RowView, subOf, tailAt } from './row-kind.ts';
import type { RowWriter } from './row-writer.ts';

export const generationKind = 1;

/** Key: scope and subject. It adds the value in two words. */
export const generationRow: RowKind = {
  kind: generationKind,
  op: 'generation',
  many: false,
  tailWords: () => 2,
  isPlain: () => false,
  read: (view, at): Generation => ({
    op: 'generation',
    scope: scopes[subOf(view.words, at)] as GenerationScope,
    subjectId: keyOf(view, at),
    value: generationValue(view, at),
  }),
};

/** Sub-kind of a scope. */
export const generationSub = {
  global: 0,
  user: 1,
  device: 2,
} as const satisfies Record<GenerationScope, number>;
const scopes = Object.keys(generationSub) as GenerationScope[];

export function writeGeneration(out: RowWriter, op: Generation): void {
  out.begin(generationKind, generationSub[op.scope], op.subjectId);
  out.number(op.value);
}

export function generationValue({ words }: RowView, at: number): number {
  return numberAt(words, tailAt(words, at));
}
