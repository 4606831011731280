import { RE2JS } from 're2js';
import { pathLengthMax } from './canonical-path.ts';
import { RegexBudget } from './regex-budget.ts';
import { type Instruction, type Program, runner } from './regex-program.ts';

/**
 * Regular expressions in RE2's syntax, whose time grows with the length of the text and never with
 * the ways to match it. The one file that knows the engine that reads and compiles them.
 */
export interface Regex {
  /** Steps that a text of this length may take at the most. */
  readonly stepsFor: (length: number) => number;
  /** Whether it matches; null where the text is too long to be matched in the time there is. */
  readonly test: (text: string) => boolean | null;
}

export type ParsedRegex =
  | { readonly ok: true; readonly regex: Regex }
  | { readonly ok: false; readonly problem: string };

const patternLengthMax = 512;
/** The sum of all counts such as the 30 in `{2,30}`: each is that many copies in the program. */
const countsMax = 1000;
/** Instructions of a program. */
const sizeMax = 256;
const tooMany = 'is one of too many in this set: use `paths`, or fewer and smaller expressions';
/** Instructions times characters: some hundreds of microseconds. */
const stepsMax = 65_536;

/**
 * Compiles a pattern that must match the `whole` text, or may match `anywhere` in it. The problem
 * is a sentence for the administrator. `budget`: that of the set it stands in.
 */
export function compileRegex(
  pattern: string,
  where: 'whole' | 'anywhere',
  budget: RegexBudget = new RegexBudget(),
): ParsedRegex {
  // Nothing is compiled any more where nothing is left.
  if (!budget.take(1)) return refuse(tooMany);
  if (pattern.length > patternLengthMax) {
    return refuse(`is longer than ${patternLengthMax} characters`);
  }
  if (countsIn(pattern) > countsMax) return refuse('has counts that are too large');
  const compiled = compileProgram(pattern);
  if (typeof compiled === 'string') return refuse(compiled);
  const size = compiled.programSize();
  if (size > sizeMax) return refuse('is too large: it has too many alternatives or repetitions');
  if (!budget.take(size)) return refuse(tooMany);
  const program = readProgram(compiled);
  if (program === null) return refuse('has a part that is not known to this version');
  const matches = runner(program, where);
  const lengthMax = Math.min(pathLengthMax, Math.floor(stepsMax / size));
  return {
    ok: true,
    regex: {
      stepsFor: (length) => size * Math.min(length, lengthMax),
      test: (text) => (text.length > lengthMax ? null : matches(text)),
    },
  };
}

/** Checked before the engine unrolls them. */
function countsIn(pattern: string): number {
  let sum = 0;
  for (const [, least, most] of pattern.matchAll(/\{(\d{1,9}),?(\d{0,9})\}/g)) {
    sum += Number(most === '' || most === undefined ? least : most);
  }
  return sum;
}

function compileProgram(pattern: string): RE2JS | string {
  try {
    return RE2JS.compile(pattern);
  } catch (error) {
    // Whatever the engine throws at a pattern, it is the pattern that cannot be used.
    const said = error instanceof Error ? error.message.replace(/^error parsing regexp: /, '') : '';
    return `is not a regular expression in RE2's syntax (${said})`;
  }
}

/** An instruction as the engine has it. Its operations have the numbers of Go's `regexp/syntax`. */
interface EngineInstruction {
  readonly op: number;
  readonly out: number;
  readonly arg: number;
  readonly matchRune: (rune: number) => boolean;
}

/** Null where it has an operation that is not known here. */
function readProgram(compiled: RE2JS): Program | null {
  const { inst, start } = compiled.re2().prog as {
    readonly inst: readonly EngineInstruction[];
    readonly start: number;
  };
  const instructions: Instruction[] = [];
  for (const found of inst) {
    const instruction = readInstruction(found);
    if (instruction === null) return null;
    instructions.push(instruction);
  }
  return { start, instructions };
}

function readInstruction(found: EngineInstruction): Instruction | null {
  const { op, out, arg } = found;
  switch (op) {
    case 1:
    case 2:
      return { kind: 'either', next: out, other: arg };
    case 3:
    case 7:
      return { kind: 'goto', next: out };
    case 4:
      return { kind: 'between', flags: arg, next: out };
    case 5:
      return { kind: 'fail' };
    case 6:
      return { kind: 'match' };
    case 8:
    case 9:
    case 10:
    case 11:
      return { kind: 'rune', takes: (rune) => found.matchRune(rune), next: out };
    default:
      return null;
  }
}

function refuse(problem: string): ParsedRegex {
  return { ok: false, problem };
}
