/**
 * Looks at the values of a file in the MaxMind format without making anything of them: whether they
 * can be read, within the section that they belong to, in few steps. Values point to each other; what
 * is counted is what a reader would have to walk, so that no small file becomes a large value.
 */

/** A value that cannot be read, or that is not worth it. */
export class BadValue extends Error {}

/** Values and keys that a reader walks for one value of the file, at the most. */
const stepsMax = 2_000;
const depthMax = 16;
const textBytesMax = 16 * 1_024;

const pointerType = 1;
const textType = 2;
const mapType = 7;
const arrayType = 11;
const booleanType = 14;
/** Of the other types, the lengths that they may have. */
const lengths: ReadonlyMap<number, readonly [least: number, most: number]> = new Map([
  [3, [8, 8]],
  [4, [0, textBytesMax]],
  [5, [0, 2]],
  [6, [0, 4]],
  [8, [0, 4]],
  [9, [0, 8]],
  [10, [0, 16]],
  [15, [4, 4]],
]);
/** No length fits. */
const never = [1, 0] as const;
const underscore = 0x5f;
const pointerBases = [0, 2_048, 526_336, 0] as const;
const sizeBases = [29, 285, 65_821] as const;

export class ValueChecker {
  readonly #bytes: Buffer;
  readonly #start: number;
  readonly #end: number;
  #steps = 0;
  #textBytes = 0;
  // Of the head that was read last; fields, because there are millions of them.
  #type = 0;
  #size = 0;
  /** Where it ends. */
  #next = 0;
  /** Where a pointer leads. */
  #target = 0;

  /** For the section of the file from `start` to `end`, which is not part of it. */
  constructor(bytes: Buffer, start: number, end: number) {
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
  }

  /** Looks at the value at `offset` of the section; tells its steps. Throws BadValue. */
  check(offset: number): number {
    this.#begin();
    this.#walk(this.#start + offset, 0, true);
    return this.#steps;
  }

  /** The keys of the map at `offset`, which was looked at before; none where it is no map. */
  keys(offset: number): readonly string[] {
    this.#begin();
    this.#head(this.#start + offset);
    if (this.#type !== mapType) return [];
    const found: string[] = [];
    let at = this.#next;
    for (let count = this.#size; count > 0; count -= 1) {
      found.push(this.#textAt(at));
      at = this.#walk(this.#walk(at, 0, true), 0, true);
    }
    return found;
  }

  #begin(): void {
    this.#steps = 0;
    this.#textBytes = 0;
  }

  #textAt(at: number): string {
    this.#head(at);
    if (this.#type === pointerType) this.#head(this.#target);
    return this.#bytes.toString('utf8', this.#next, this.#next + this.#size);
  }

  /** Walks one value; tells where the next begins. */
  #walk(at: number, depth: number, mayPoint: boolean): number {
    this.#steps += 1;
    if (this.#steps > stepsMax) throw new BadValue('it comes to too many values');
    if (depth > depthMax) throw new BadValue('it is nested too deep');
    this.#head(at);
    if (this.#type === pointerType) {
      if (!mayPoint) throw new BadValue('a pointer leads to a pointer');
      const next = this.#next;
      this.#walk(this.#target, depth + 1, false);
      return next;
    }
    if (this.#type === mapType) return this.#walkMap(this.#next, this.#size, depth);
    if (this.#type === arrayType) return this.#walkList(this.#next, this.#size, depth);
    return this.#walkPlain();
  }

  #walkMap(at: number, count: number, depth: number): number {
    let next = at;
    for (let entry = 0; entry < count; entry += 1) {
      this.#checkKey(next);
      next = this.#walk(next, depth + 1, true);
      next = this.#walk(next, depth + 1, true);
    }
    return next;
  }

  #walkList(at: number, count: number, depth: number): number {
    let next = at;
    for (let entry = 0; entry < count; entry += 1) next = this.#walk(next, depth + 1, true);
    return next;
  }

  /** The value whose head was read last. */
  #walkPlain(): number {
    const size = this.#size;
    const next = this.#next;
    if (this.#type === booleanType) {
      if (size > 1) throw new BadValue('a boolean is neither true nor false');
      return next;
    }
    if (this.#type === textType) {
      this.#textBytes += size;
      if (this.#textBytes > textBytesMax) throw new BadValue('it comes to too much text');
    } else {
      const [least, most] = lengths.get(this.#type) ?? never;
      if (size < least || size > most) throw new BadValue(`type ${this.#type} of ${size} bytes`);
    }
    if (next + size > this.#end) throw new BadValue('it goes on behind its section');
    return next + size;
  }

  /** A key is a text, and not one that would be more than a key to JavaScript. */
  #checkKey(at: number): void {
    this.#head(at);
    if (this.#type === pointerType) this.#head(this.#target);
    if (this.#type !== textType) throw new BadValue('a key is no text');
    if (this.#size !== 9 || this.#bytes[this.#next] !== underscore) return;
    const key = this.#bytes.toString('latin1', this.#next, this.#next + 9);
    if (key === '__proto__') throw new BadValue('a key is __proto__');
  }

  /** Reads what stands before a value. */
  #head(at: number): void {
    const control = this.#byte(at);
    this.#next = at + 1;
    this.#type = control >>> 5;
    if (this.#type === pointerType) {
      this.#readPointer(control);
      return;
    }
    if (this.#type === 0) {
      this.#type = this.#byte(at + 1) + 7;
      this.#next = at + 2;
      if (this.#type <= mapType) throw new BadValue('a type is written as no type is');
    }
    this.#size = control & 31;
    if (this.#size < 29) return;
    const width = this.#size - 28;
    this.#size = (sizeBases[width - 1] as number) + this.#number(this.#next, width);
    this.#next += width;
  }

  #readPointer(control: number): void {
    const width = ((control >>> 3) & 3) + 1;
    const high = width === 4 ? 0 : (control & 7) << (8 * width);
    const base = pointerBases[width - 1] as number;
    this.#target = this.#start + base + high + this.#number(this.#next, width);
    this.#next += width;
    if (this.#target >= this.#end) throw new BadValue('a pointer leads out of its section');
  }

  #number(at: number, width: number): number {
    let value = 0;
    for (let byte = 0; byte < width; byte += 1) value = value * 256 + this.#byte(at + byte);
    return value;
  }

  #byte(at: number): number {
    if (at >= this.#end) throw new BadValue('it goes on behind its section');
    return this.#bytes[at] as number;
  }
}
