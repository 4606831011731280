/** What one edge refused of one lane: these bytes are not sent to it again. */
export class Refusals {
  /** SHA-256 in hex, oldest first. */
  readonly #hashes = new Set<string>();

  add(sha256: string): void {
    this.#hashes.add(sha256);
    const [oldest] = this.#hashes;
    if (this.#hashes.size > hashesMax && oldest !== undefined) this.#hashes.delete(oldest);
  }

  has(sha256: string): boolean {
    return this.#hashes.has(sha256);
  }

  get size(): number {
    return this.#hashes.size;
  }

  /** Newest last. */
  list(): readonly string[] {
    return [...this.#hashes];
  }

  clear(): void {
    this.#hashes.clear();
  }
}

/** An edge that refuses more than this is served with what it refused longest ago once more. */
const hashesMax = 64;
