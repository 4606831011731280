import type { PostureFact } from '@sallyport/policy';
import { TableLimitError } from '../errors.ts';
import { tableLimits } from '../limits.ts';
import { readText, wordsOf } from '../text.ts';
import { numberAt, type RowView } from './row-kind.ts';
import { clampInstant, type RowWriter } from './row-writer.ts';

/*
 * What was observed of a device, behind its row: for each fact a word with the length of its name
 * (bits 0-5), its type (6-7), a yes (8) and the length of its text (9-19); when it was observed, two
 * words; its number, two words; its name; its text.
 */
const flagType = 1;
const numberType = 2;
const textType = 3;

const none: readonly PostureFact[] = [];
const double = new Float64Array(1);
const halves = new Uint32Array(double.buffer);

/** Writes the facts. Throws TableLimitError for those that a row cannot hold. */
export function writePosture(out: RowWriter, posture: readonly PostureFact[]): void {
  if (posture.length > tableLimits.devicePosture)
    throw new TableLimitError(`a device with more than ${tableLimits.devicePosture} posture facts`);
  let before = '';
  for (const fact of posture) {
    // In one order and each name once, so that the same facts are the same bytes.
    if (fact.name <= before) throw new TableLimitError('posture facts that are not in order');
    before = fact.name;
    writeFact(out, fact);
  }
}

function writeFact(out: RowWriter, { name, value, observedAtMs }: PostureFact): void {
  const head = out.at;
  out.word(0);
  out.number(clampInstant(observedAtMs, Number.MAX_SAFE_INTEGER));
  if (typeof value === 'number') writeDouble(out, value);
  const nameBytes = out.text(name, tableLimits.postureNameBytes, "a posture fact's name");
  const text = typeof value === 'string' ? value : '';
  const textBytes = out.text(text, tableLimits.postureTextBytes, "a posture fact's text");
  const yes = value === true ? 1 : 0;
  out.words[head] = nameBytes | (typeOf(value) << 6) | (yes << 8) | (textBytes << 9);
}

function typeOf(value: PostureFact['value']): number {
  if (typeof value === 'boolean') return flagType;
  return typeof value === 'number' ? numberType : textType;
}

function writeDouble(out: RowWriter, value: number): void {
  if (!Number.isFinite(value)) throw new TableLimitError(`${value} is no value of a posture fact`);
  // There is one zero.
  double[0] = value === 0 ? 0 : value;
  out.word(halves[0] as number);
  out.word(halves[1] as number);
}

/** The facts in so many words from `at` on. */
export function readPosture(view: RowView, at: number, words: number): readonly PostureFact[] {
  if (words === 0) return none;
  const facts: PostureFact[] = [];
  const end = at + words;
  for (let next = at; next < end && facts.length < tableLimits.devicePosture; ) {
    const head = view.words[next] as number;
    facts.push(readFact(view, next, head));
    next += factWords(head);
  }
  return facts;
}

function readFact(view: RowView, at: number, head: number): PostureFact {
  const { words, bytes } = view;
  const nameAt = at + 3 + doubleWords(head);
  return {
    name: readText(words, bytes, nameAt, head & 63),
    value: readValue(view, at + 3, head),
    observedAtMs: numberAt(words, at + 1),
  };
}

function readValue({ words, bytes }: RowView, at: number, head: number): PostureFact['value'] {
  switch ((head >>> 6) & 3) {
    case numberType:
      halves[0] = words[at] as number;
      halves[1] = words[at + 1] as number;
      return double[0] as number;
    case textType:
      return readText(words, bytes, at + wordsOf(head & 63), (head >>> 9) & 0x7ff);
    default:
      return ((head >>> 8) & 1) === 1;
  }
}

function doubleWords(head: number): number {
  return ((head >>> 6) & 3) === numberType ? 2 : 0;
}

function factWords(head: number): number {
  return 3 + doubleWords(head) + wordsOf(head & 63) + wordsOf((head >>> 9) & 0x7ff);
}
