import type { Signal, SignalSubject } from '../../model.ts';
import { tableLimits } from '../limits.ts';
import { readText, wordsOf } from '../text.ts';
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

export const signalKind = 4;
/** Sub-kind of a subject. */
export const signalSub = {
  user: 0,
  device: 1,
  session: 2,
} as const satisfies Record<SignalSubject, number>;
const subjects = Object.keys(signalSub) as SignalSubject[];

/** Key: subject; second: name. It adds when it was seen, when it ends, and its value. */
export const signalRow: RowKind = {
  kind: signalKind,
  op: 'signal',
  many: true,
  tailWords: (first) => 4 + wordsOf(first >>> 19),
  isPlain: () => false,
  read: readSignal,
};

export function writeSignalIdentity(
  out: RowWriter,
  op: Pick<Signal, 'subject' | 'subjectId' | 'name'>,
): void {
  out.begin(signalKind, signalSub[op.subject], op.subjectId);
  out.identity(op.name);
}

export function writeSignal(out: RowWriter, op: Signal): void {
  writeSignalIdentity(out, op);
  out.number(clampInstant(op.observedAtMs, Number.MAX_SAFE_INTEGER));
  out.number(clampInstant(op.expiresAtMs, Number.MAX_SAFE_INTEGER));
  out.own(out.text(op.value, tableLimits.signalValueBytes, "a signal's value"));
}

/** The signal at `at`. */
export function readSignal(view: RowView, at: number): Signal {
  const { words, bytes } = view;
  const tail = tailAt(words, at);
  return {
    op: 'signal',
    subject: subjects[subOf(words, at)] as SignalSubject,
    subjectId: keyOf(view, at),
    name: secondOf(view, at),
    value: readText(words, bytes, tail + 4, (words[at] as number) >>> 19),
    observedAtMs: numberAt(words, tail),
    expiresAtMs: numberAt(words, tail + 2),
  };
}
