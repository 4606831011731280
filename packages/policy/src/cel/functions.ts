import { compileRegex } from '../regex.ts';
import type { RegexBudget } from '../regex-budget.ts';
import { both } from './operation.ts';
import type { Call } from './syntax.ts';
import { durationLiteral, instantParts, partOf, timestampOf } from './time.ts';
import { bool, int, nameOf, Refusal, type Size, small, string, type Term } from './types.ts';
import { type Evaluate, isFailure, type Result, unknown, type Value } from './values.ts';

type Make = <Input>(
  terms: readonly Term<Input>[],
  at: number,
  regexes: RegexBudget,
) => Term<Input> | null;

/** Called as `text.startsWith("a")`. */
const methods: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['size', size],
  ['startsWith', startsWith],
  ['endsWith', endsWith],
  ['contains', contains],
  ['matches', matches],
  ['lowerAscii', lowerAscii],
  ...[...instantParts.keys()].map((name): [string, Make] => [
    name,
    (terms, at) => partOf(name, terms, at),
  ]),
]);

/** Called as `size(list)`. */
const functions: ReadonlyMap<string, Make> = new Map<string, Make>([
  ['size', size],
  ['matches', matches],
  ['timestamp', timestampOf],
  ['duration', durationLiteral],
]);

/** A call of a function of the language. Throws a Refusal where there is none for these types. */
export function callFunction<Input>(
  call: Call,
  target: Term<Input> | null,
  rest: readonly Term<Input>[],
  regexes: RegexBudget,
): Term<Input> {
  const terms = target === null ? rest : [target, ...rest];
  const known = target === null ? functions : methods;
  const term = known.get(call.name)?.(terms, call.at, regexes) ?? null;
  if (term !== null) return term;
  const types = rest.map(({ type }) => nameOf(type)).join(', ');
  const before = target === null ? '' : `${nameOf(target.type)}.`;
  const names = [...known.keys()].join(', ');
  throw new Refusal(`there is no ${before}${call.name}(${types}); there is ${names}`, call.at);
}

/** A term of one term. */
function one<Input>(of: Term<Input>, apply: (value: Value) => Result): Evaluate<Input> {
  const { evaluate } = of;
  return (input) => {
    const found = evaluate(input);
    return isFailure(found) ? found : apply(found);
  };
}

function size<Input>([of, more]: readonly Term<Input>[]): Term<Input> | null {
  if (of === undefined || more !== undefined) return null;
  const rest = { type: int, size: small, constant: undefined };
  if (of.type.kind === 'list') {
    const evaluate = one(of, (value) => (value as readonly Value[]).length);
    return { ...rest, cost: of.cost + 1, evaluate };
  }
  if (of.type.kind !== 'string') return null;
  const cost = of.cost + 1 + Math.ceil(of.size.length / 64);
  return { ...rest, cost, evaluate: one(of, (value) => codePoints(value as string)) };
}

/** Two UTF-16 units that belong together count once. */
function codePoints(text: string): number {
  let count = text.length;
  for (let at = 1; at < text.length; at += 1) {
    if ((text.charCodeAt(at) & 0xfc00) !== 0xdc00) continue;
    if ((text.charCodeAt(at - 1) & 0xfc00) === 0xd800) count -= 1;
  }
  return count;
}

function startsWith<Input>(terms: readonly Term<Input>[]): Term<Input> | null {
  return ofStrings(terms, (text, part) => text.startsWith(part), alike);
}

function endsWith<Input>(terms: readonly Term<Input>[]): Term<Input> | null {
  return ofStrings(terms, (text, part) => text.endsWith(part), alike);
}

function contains<Input>(terms: readonly Term<Input>[]): Term<Input> | null {
  // At the worst the part is compared at every place of the text.
  const cost = (text: Size, part: Size) => Math.ceil((text.length * part.length) / 256);
  return ofStrings(terms, (text, part) => text.includes(part), cost);
}

function alike(text: Size, part: Size): number {
  return Math.ceil(Math.min(text.length, part.length) / 64);
}

function ofStrings<Input>(
  [text, part, more]: readonly Term<Input>[],
  apply: (text: string, part: string) => boolean,
  cost: (text: Size, part: Size) => number,
): Term<Input> | null {
  if (text?.type.kind !== 'string' || part?.type.kind !== 'string') return null;
  if (more !== undefined) return null;
  return {
    type: bool,
    size: small,
    cost: text.cost + part.cost + 1 + cost(text.size, part.size),
    evaluate: both(text, part, (left, right) => apply(left as string, right as string)),
    constant: undefined,
  };
}

/** As in CEL the pattern may match anywhere; `^` and `$` anchor it. */
function matches<Input>(
  [text, pattern, more]: readonly Term<Input>[],
  at: number,
  regexes: RegexBudget,
): Term<Input> | null {
  if (text?.type.kind !== 'string' || pattern?.type.kind !== 'string') return null;
  if (more !== undefined) return null;
  if (typeof pattern.constant !== 'string') {
    throw new Refusal('the pattern of matches must be a literal, so that it is checked here', at);
  }
  const parsed = compileRegex(pattern.constant, 'anywhere', regexes);
  if (!parsed.ok) throw new Refusal(`the pattern ${parsed.problem}`, at);
  const { regex } = parsed;
  return {
    type: bool,
    size: small,
    cost: text.cost + 1 + Math.ceil(regex.stepsFor(text.size.length) / 64),
    evaluate: one(text, (value) => regex.test(value as string) ?? unknown),
    constant: undefined,
  };
}

function lowerAscii<Input>([text, more]: readonly Term<Input>[]): Term<Input> | null {
  if (text?.type.kind !== 'string' || more !== undefined) return null;
  return {
    type: string,
    size: text.size,
    cost: text.cost + 1 + Math.ceil(text.size.length / 16),
    // Only A to Z: what other letters become depends on the language, and some become ASCII.
    evaluate: one(text, (value) =>
      (value as string).replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase()),
    ),
    constant: undefined,
  };
}
