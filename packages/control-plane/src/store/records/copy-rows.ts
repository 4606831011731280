import type { Address } from '@sallyport/policy';

/** What rows in the binary form of COPY begin with: the signature, no flags, no extension. */
export const copyHeader: Uint8Array = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
/** And what they end with. */
export const copyTrailer: Uint8Array = Buffer.from([0xff, 0xff]);

/** Rows in the binary form of COPY (PostgreSQL, "COPY", Binary Format). Values in column order. */
export class CopyRows {
  #bytes: Buffer;
  #end = 0;

  constructor(bytesExpected: number) {
    this.#bytes = Buffer.allocUnsafe(Math.max(1_024, bytesExpected));
  }

  /** Where the next value begins. */
  get end(): number {
    return this.#end;
  }

  row(columns: number): void {
    this.#room(2);
    this.#int16(columns);
  }

  bigint(value: number | null): void {
    this.#room(12);
    if (value === null) return this.#int32(-1);
    this.#int32(8);
    this.#int64(value, this.#end);
    this.#end += 8;
  }

  /** Another value for one that was written by `bigint` at this place, and was not null. */
  setBigint(value: number, at: number): void {
    this.#int64(value, at + 4);
  }

  text(value: string | null): void {
    if (value === null) {
      this.#room(4);
      return this.#int32(-1);
    }
    this.#room(4 + 3 * value.length);
    const length = this.#bytes.write(value, this.#end + 4, 'utf8');
    this.#int32(length);
    this.#end += length;
  }

  bytes(value: Uint8Array): void {
    this.#room(4 + value.length);
    this.#int32(value.length);
    this.#bytes.set(value, this.#end);
    this.#end += value.length;
  }

  /** Array of texts. */
  texts(values: readonly string[]): void {
    this.#room(24);
    const start = this.#end;
    this.#end += 4;
    this.#int32(values.length === 0 ? 0 : 1);
    this.#int32(0);
    this.#int32(textOid);
    if (values.length > 0) {
      this.#int32(values.length);
      this.#int32(1);
      for (const value of values) this.text(value);
    }
    this.#bytes.writeInt32BE(this.#end - start - 4, start);
  }

  /** An address, or a network with so many bits that count. */
  inet(value: Address | null, prefix?: number): void {
    this.#room(24);
    if (value === null) return this.#int32(-1);
    const words = value.family === 4 ? value.words.slice(3) : value.words;
    this.#int32(4 + 4 * words.length);
    for (const byte of [
      value.family === 4 ? 2 : 3,
      prefix ?? 32 * words.length,
      0,
      4 * words.length,
    ]) {
      this.#end = this.#bytes.writeUInt8(byte, this.#end);
    }
    for (const word of words) this.#end = this.#bytes.writeUInt32BE(word >>> 0, this.#end);
  }

  /** Some of it, as it is: good until something is added. */
  part(start: number, end: number): Uint8Array {
    return this.#bytes.subarray(start, end);
  }

  #int64(value: number, at: number): void {
    this.#bytes.writeInt32BE(Math.floor(value / 2 ** 32), at);
    this.#bytes.writeUInt32BE(value % 2 ** 32, at + 4);
  }

  #int16(value: number): void {
    this.#end = this.#bytes.writeInt16BE(value, this.#end);
  }

  #int32(value: number): void {
    this.#end = this.#bytes.writeInt32BE(value, this.#end);
  }

  #room(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#end + bytes));
    this.#bytes.copy(grown, 0, 0, this.#end);
    this.#bytes = grown;
  }
}

const textOid = 25;
