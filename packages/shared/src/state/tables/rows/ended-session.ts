import type { EndedSession } from '../../model.ts';
import { hasPlainStrings, keyOf, type RowKind, subAndSecond, tailAt } from './row-kind.ts';
import { clampInstant, type RowWriter } from './row-writer.ts';

export const endedSessionKind = 2;
/** 45 bits: the year 3084. */
const expiresMax = 2 ** 45 - 1;

/** Key: sid. The instant's low 32 bits are the word it adds, the other 13 are in the first word. */
export const endedSessionRow: RowKind = {
  kind: endedSessionKind,
  op: 'ended_session',
  many: false,
  tailWords: () => 1,
  isPlain: (first) => hasPlainStrings(first) && subAndSecond(first) === 0,
  read: (view, at): EndedSession => ({
    op: 'ended_session',
    sid: keyOf(view, at),
    expiresAtMs:
      ((view.words[at] as number) >>> 19) * 2 ** 32 +
      (view.words[tailAt(view.words, at)] as number),
  }),
};

export function writeEndedSessionKey(out: RowWriter, sid: string): void {
  out.begin(endedSessionKind, 0, sid);
}

export function writeEndedSession(out: RowWriter, op: EndedSession): void {
  const expiresAtMs = clampInstant(op.expiresAtMs, expiresMax);
  writeEndedSessionKey(out, op.sid);
  out.own(Math.floor(expiresAtMs / 2 ** 32));
  out.word(expiresAtMs % 2 ** 32);
}
