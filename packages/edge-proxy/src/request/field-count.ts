/**
 * How many header fields a block of HPACK holds (RFC 7541, section 6); null: it cannot be read. Only
 * counts: neither tables nor texts are looked at, and nothing of it is used as the request.
 */
export function fieldCount(block: Uint8Array): number | null {
  const reader = new BlockReader(block);
  let fields = 0;
  while (!reader.ended) {
    const first = reader.peek();
    if ((first & 0x80) !== 0) {
      reader.integer(7);
      fields += 1;
    } else if ((first & 0xe0) === 0x20) {
      // A change of the table's size is no field.
      reader.integer(5);
    } else {
      const nameIndex = reader.integer((first & 0x40) === 0 ? 4 : 6);
      if (nameIndex === 0) reader.text();
      reader.text();
      fields += 1;
    }
  }
  return reader.failed ? null : fields;
}

/** Of a number: seven bits each. nghttp2 takes no larger ones. */
const continuationBytesMax = 5;

class BlockReader {
  readonly #block: Uint8Array;
  #at = 0;
  failed = false;

  constructor(block: Uint8Array) {
    this.#block = block;
  }

  get ended(): boolean {
    return this.#at >= this.#block.length;
  }

  peek(): number {
    return this.#block[this.#at] ?? 0;
  }

  /** RFC 7541, section 5.1. */
  integer(prefixBits: number): number {
    const prefixMax = (1 << prefixBits) - 1;
    let value = this.#byte() & prefixMax;
    if (value < prefixMax) return value;
    for (let count = 0; count < continuationBytesMax; count += 1) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * count);
      if ((byte & 0x80) === 0) return value;
    }
    return this.#fail();
  }

  /** RFC 7541, section 5.2. */
  text(): void {
    const length = this.integer(7);
    if (length > this.#block.length - this.#at) this.#fail();
    else this.#at += length;
  }

  #byte(): number {
    if (this.ended) return this.#fail();
    const byte = this.peek();
    this.#at += 1;
    return byte;
  }

  #fail(): number {
    this.failed = true;
    this.#at = this.#block.length;
    return 0;
  }
}
