import { keyBytes } from './history-model.ts';

/** The bytes are not what was written. */
export class Unreadable extends Error {
  override readonly name = 'Unreadable';
}

/** Writes whole numbers from 0 in as few bytes as they need (LEB128), and keys. */
export class ByteWriter {
  readonly #bytes: number[] = [];

  number(value: number): void {
    let rest = value;
    while (rest >= 128) {
      this.#bytes.push((rest % 128) + 128);
      rest = Math.floor(rest / 128);
    }
    this.#bytes.push(rest);
  }

  key(value: number): void {
    let rest = value;
    for (let i = 0; i < keyBytes; i += 1) {
      this.#bytes.push(rest % 256);
      rest = Math.floor(rest / 256);
    }
  }

  country(value: string): void {
    this.#bytes.push(value.charCodeAt(0), value.charCodeAt(1));
  }

  list<Item>(items: readonly Item[], write: (item: Item) => void): void {
    this.number(items.length);
    for (const item of items) write(item);
  }

  bytes(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }
}

/** Reads what ByteWriter wrote. Throws Unreadable where the bytes are something else. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  number(max: number): number {
    let value = 0;
    for (let scale = 1; scale === 1 || scale <= max; scale *= 128) {
      const byte = this.#next();
      value += (byte & 127) * scale;
      if (byte < 128) {
        if (value > max) break;
        return value;
      }
    }
    throw new Unreadable();
  }

  key(): number {
    let value = 0;
    for (let i = 0, scale = 1; i < keyBytes; i += 1, scale *= 256) value += this.#next() * scale;
    return value;
  }

  country(): string {
    const text = String.fromCharCode(this.#next(), this.#next());
    if (!/^[A-Z]{2}$/.test(text)) throw new Unreadable();
    return text;
  }

  list<Item>(lengthMax: number, read: () => Item): Item[] {
    return Array.from({ length: this.number(lengthMax) }, read);
  }

  end(): void {
    if (this.#at !== this.#bytes.length) throw new Unreadable();
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new Unreadable();
    this.#at += 1;
    return byte;
  }
}
