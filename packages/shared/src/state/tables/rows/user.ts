import type { EmploymentFacts } from '@sallyport/policy';
import type { User } from '../../model.ts';
import { TableLimitError } from '../errors.ts';
import { tableLimits } from '../limits.ts';
import { isAscii, readText, wordsOf } from '../text.ts';
import {
  hasPlainStrings,
  keyOf,
  numberAt,
  type RowKind,
  type RowView,
  subAndSecond,
  tailAt,
} from './row-kind.ts';
import { clampInstant, type RowWriter } from './row-writer.ts';

export const userKind = 5;

/** By the second and third of a user's own bits; 0: not known. */
const classes = [null, 'employee', 'contractor'] as const;
const hasEnd = 8;

/**
 * Key: id. Its own bits: suspended, class of employment, whether that has an end. It adds a word with
 * the number of texts and their bytes, the lengths of the texts as 16 bits each, the texts: address,
 * displayed name, groups; and two words of the end, if there is one.
 */
export const userRow: RowKind = {
  kind: userKind,
  op: 'user',
  many: false,
  tailWords: (first, words, tail) => endAt(words, tail) - tail + (ends(first) ? 2 : 0),
  isPlain: isPlainUser,
  read: (view, at) => readUser(view, at, keyOf(view, at)),
};

export function writeUserKey(out: RowWriter, id: string): void {
  out.begin(userKind, 0, id);
}

export function writeUser(out: RowWriter, op: User): void {
  if (op.groups.length > tableLimits.userGroups)
    throw new TableLimitError(`a user with more than ${tableLimits.userGroups} groups`);
  const texts = [op.email, op.displayName, ...op.groups].map((text) => Buffer.from(text, 'utf8'));
  if (texts.some((text) => text.length > tableLimits.userTextBytes))
    throw new TableLimitError(`a user's text is longer than ${tableLimits.userTextBytes} bytes`);
  const blob = Buffer.concat(texts);
  if (wordsOf(blob.length) > tableLimits.rowWords)
    throw new TableLimitError("a user's texts are too long");
  writeUserKey(out, op.id);
  out.own((op.status === 'suspended' ? 1 : 0) | employmentBits(op.employment));
  out.word(texts.length | (blob.length << 13));
  const lengths = new Uint8Array(texts.length * 2);
  for (const [index, text] of texts.entries()) {
    lengths[index * 2] = text.length & 0xff;
    lengths[index * 2 + 1] = text.length >>> 8;
  }
  out.blob(lengths);
  out.blob(blob);
  const endsAtMs = op.employment?.endsAtMs ?? null;
  if (endsAtMs !== null) out.number(clampInstant(endsAtMs, Number.MAX_SAFE_INTEGER));
}

function employmentBits(employment: EmploymentFacts | null): number {
  if (employment === null) return 0;
  return (classes.indexOf(employment.class) << 1) | (employment.endsAtMs === null ? 0 : hasEnd);
}

function isPlainUser(first: number, words: Uint32Array, tail: number): boolean {
  const head = words[tail] as number;
  const count = head & 0x1fff;
  const bytes = head >>> 13;
  if (!hasPlainStrings(first) || subAndSecond(first) !== 0) return false;
  // An employment that is known and without end is as quick as none; an end is read and written.
  if (first >>> 22 !== 0 || classOf(first) === undefined) return false;
  if (count < 2 || count > tableLimits.userGroups + 2) return false;
  let sum = 0;
  let length = 0;
  for (let i = 0; i < count; i += 1) {
    length = lengthAt(words, tail, i);
    if (length > tableLimits.userTextBytes) return false;
    sum += length;
  }
  const texts = tail + 1 + wordsOf(count * 2);
  if ((count & 1) === 1 && (words[texts - 1] as number) !== length) return false;
  return sum === bytes && isAscii(words, texts, bytes);
}

/** The user at `at`, whose id is known. */
export function readUser(view: RowView, at: number, id: string): User {
  const first = view.words[at] as number;
  const [email = '', displayName = '', ...groups] = readTexts(view, tailAt(view.words, at));
  return {
    op: 'user',
    id,
    email,
    displayName,
    status: ((first >>> 19) & 1) === 1 ? 'suspended' : 'active',
    groups,
    employment: readEmployment(view, at, first),
  };
}

function readEmployment({ words }: RowView, at: number, first: number): EmploymentFacts | null {
  const name = classOf(first) ?? null;
  if (name === null) return null;
  const endsAtMs = ends(first) ? numberAt(words, endAt(words, tailAt(words, at))) : null;
  return { class: name, endsAtMs };
}

function classOf(first: number): (typeof classes)[number] | undefined {
  return classes[(first >>> 20) & 3];
}

function ends(first: number): boolean {
  return ((first >>> 19) & hasEnd) !== 0;
}

/** Word behind the texts, where the end of the employment is. */
function endAt(words: Uint32Array, tail: number): number {
  const head = words[tail] as number;
  return tail + 1 + wordsOf((head & 0x1fff) * 2) + wordsOf(head >>> 13);
}

function readTexts({ words, bytes }: RowView, tail: number): string[] {
  const head = words[tail] as number;
  const count = Math.min(head & 0x1fff, tableLimits.userGroups + 2);
  const at = tail + 1 + wordsOf(count * 2);
  const isOneByte = isAscii(words, at, head >>> 13);
  const all = isOneByte ? readText(words, bytes, at, head >>> 13) : '';
  let start = isOneByte ? 0 : at << 2;
  const texts: string[] = [];
  for (let i = 0; i < count; i += 1) {
    const end = start + lengthAt(words, tail, i);
    texts.push(isOneByte ? all.slice(start, end) : bytes.toString('utf8', start, end));
    start = end;
  }
  return texts;
}

/** Bytes of a user's text. */
function lengthAt(words: Uint32Array, tail: number, text: number): number {
  return ((words[tail + 1 + (text >>> 1)] as number) >>> ((text & 1) << 4)) & 0xffff;
}
