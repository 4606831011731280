/**
 * The program of a regular expression, as the engine compiled it (the same for Go and RE2), run
 * here by walking all of its ways at once: for each character each instruction is looked at once at
 * the most, nothing is remembered from text to text, and so the time has a bound that holds for
 * every text. The engine's own automaton builds a state for nearly every character of a hostile text,
 * which took it tens of milliseconds for one path.
 */
export interface Program {
  readonly start: number;
  readonly instructions: readonly Instruction[];
}

export type Instruction =
  | { readonly kind: 'either'; readonly next: number; readonly other: number }
  | { readonly kind: 'between'; readonly flags: number; readonly next: number }
  | { readonly kind: 'rune'; readonly takes: (rune: number) => boolean; readonly next: number }
  | { readonly kind: 'goto'; readonly next: number }
  | { readonly kind: 'match' }
  | { readonly kind: 'fail' };

const kinds = { either: 0, between: 1, rune: 2, goto: 3, match: 4, fail: 5 } as const;

/** What may hold between two characters. */
const beginLine = 1;
const endLine = 2;
const beginText = 4;
const endText = 8;
const wordBoundary = 16;
const noWordBoundary = 32;

/** No character: before the first and after the last. */
const none = -1;
const newline = 10;

/** Characters whose answer is kept in a table; nearly all of a path are among them. */
const asciiCount = 128;

/** A program in flat tables, with the memory that a run of it needs. */
class Machine {
  readonly #start: number;
  readonly #kind: Uint8Array;
  readonly #next: Int32Array;
  /** The other way of `either`, the flags of `between`. */
  readonly #more: Int32Array;
  readonly #ascii: Uint8Array;
  readonly #takes: readonly ((rune: number) => boolean)[];
  /** In which round an instruction was last followed: once in a round is enough. */
  readonly #seen: Uint32Array;
  readonly #stack: Int32Array;
  /** The instructions that wait for the next character. */
  #waiting: Int32Array;
  #following: Int32Array;
  #count = 0;
  #round = 0;
  #matched = false;

  constructor({ start, instructions }: Program) {
    const size = instructions.length;
    this.#start = start;
    this.#kind = Uint8Array.from(instructions, ({ kind }) => kinds[kind]);
    this.#next = Int32Array.from(instructions, (found) => ('next' in found ? found.next : 0));
    this.#more = Int32Array.from(instructions, moreOf);
    this.#takes = instructions.map((found) => (found.kind === 'rune' ? found.takes : () => false));
    this.#ascii = new Uint8Array(size * asciiCount);
    this.#takes.forEach((takes, at) => {
      for (let rune = 0; rune < asciiCount; rune += 1) {
        this.#ascii[at * asciiCount + rune] = takes(rune) ? 1 : 0;
      }
    });
    this.#seen = new Uint32Array(size);
    this.#stack = new Int32Array(size + 1);
    this.#waiting = new Int32Array(size);
    this.#following = new Int32Array(size);
  }

  run(text: string, anywhere: boolean): boolean {
    let position = 0;
    let rune = runeAt(text, 0);
    this.#count = 0;
    this.#begin();
    this.#follow(this.#start, flagsBetween(none, rune));
    while (rune !== none) {
      if (anywhere ? this.#matched : this.#count === 0) return anywhere;
      position += rune > 0xffff ? 2 : 1;
      const after = runeAt(text, position);
      const flags = flagsBetween(rune, after);
      this.#step(rune, flags);
      if (anywhere) this.#follow(this.#start, flags);
      rune = after;
    }
    return this.#matched;
  }

  #begin(): void {
    this.#matched = false;
    this.#round += 1;
    if (this.#round < 0xffff_ffff) return;
    this.#seen.fill(0);
    this.#round = 1;
  }

  /** Lets a character through the instructions that wait for one. */
  #step(rune: number, flags: number): void {
    const waiting = this.#waiting;
    const count = this.#count;
    this.#waiting = this.#following;
    this.#following = waiting;
    this.#count = 0;
    this.#begin();
    for (let index = 0; index < count; index += 1) {
      const at = waiting[index] ?? 0;
      const takes =
        rune < asciiCount ? this.#ascii[at * asciiCount + rune] === 1 : this.#takes[at]?.(rune);
      if (takes === true) this.#follow(this.#next[at] ?? 0, flags);
    }
  }

  /** Follows from one instruction on all that needs no character. */
  #follow(first: number, flags: number): void {
    let depth = 0;
    let at = first;
    for (;;) {
      if (this.#seen[at] !== this.#round) {
        this.#seen[at] = this.#round;
        const kind = this.#kind[at];
        const more = this.#more[at] ?? 0;
        if (kind === kinds.rune) {
          this.#waiting[this.#count] = at;
          this.#count += 1;
        } else if (kind === kinds.match) {
          this.#matched = true;
        } else if (kind === kinds.either) {
          this.#stack[depth] = more;
          depth += 1;
          at = this.#next[at] ?? 0;
          continue;
        } else if (kind === kinds.goto || (kind === kinds.between && (more & ~flags) === 0)) {
          at = this.#next[at] ?? 0;
          continue;
        }
      }
      if (depth === 0) return;
      depth -= 1;
      at = this.#stack[depth] ?? 0;
    }
  }
}

function moreOf(found: Instruction): number {
  if (found.kind === 'either') return found.other;
  return found.kind === 'between' ? found.flags : 0;
}

/** Makes the test of whether a program matches a whole text, or anywhere in it. */
export function runner(program: Program, where: 'whole' | 'anywhere'): (text: string) => boolean {
  const machine = new Machine(program);
  return (text) => machine.run(text, where === 'anywhere');
}

/**
 * The code point that begins here. Written out: compiled by Node 26.10, `codePointAt` took the first
 * half of a pair for the whole in some of a million calls.
 */
function runeAt(text: string, at: number): number {
  if (at >= text.length) return none;
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff || at + 1 >= text.length) return unit;
  const second = text.charCodeAt(at + 1);
  if (second < 0xdc00 || second > 0xdfff) return unit;
  return (unit - 0xd800) * 0x400 + (second - 0xdc00) + 0x1_0000;
}

function flagsBetween(before: number, after: number): number {
  let flags = isWord(before) === isWord(after) ? noWordBoundary : wordBoundary;
  if (before === none) flags |= beginText;
  if (before === none || before === newline) flags |= beginLine;
  if (after === none) flags |= endText;
  if (after === none || after === newline) flags |= endLine;
  return flags;
}

function isWord(rune: number): boolean {
  if (rune < 0x30 || rune > 0x7a) return false;
  return rune <= 0x39 || (rune >= 0x41 && rune <= 0x5a) || rune === 0x5f || rune >= 0x61;
}
