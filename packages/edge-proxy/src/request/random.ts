import { randomFillSync } from 'node:crypto';

/** Random bytes are drawn in bulk: one call for each id would cost more than the id. */
class Pool {
  readonly #bytes = Buffer.alloc(16_384);
  readonly #prepare: (bytes: Buffer) => void;
  #used = this.#bytes.length;

  constructor(prepare: (bytes: Buffer) => void = () => undefined) {
    this.#prepare = prepare;
  }

  /** So many bytes as text; they are forgotten here. */
  draw(bytes: number, encoding: BufferEncoding): string {
    if (this.#used + bytes > this.#bytes.length) {
      randomFillSync(this.#bytes);
      this.#prepare(this.#bytes);
      this.#used = 0;
    }
    const from = this.#used;
    this.#used += bytes;
    const text = this.#bytes.toString(encoding, from, this.#used);
    this.#bytes.fill(0, from, this.#used);
    return text;
  }
}

const alphabet = Buffer.from('0123456789abcdefghjkmnpqrstvwxyz');
const plain = new Pool();
const letters = new Pool((bytes) => {
  for (let at = 0; at < bytes.length; at += 1) bytes[at] = alphabet[(bytes[at] ?? 0) & 31] ?? 0;
});

/** So many random bytes in lower-case hex. */
export function randomHex(bytes: number): string {
  return plain.draw(bytes, 'hex');
}

/** 256 random bits, base64url, 43 characters: for states, nonces and verifiers. */
export function randomText(): string {
  return plain.draw(32, 'base64url');
}

/** A request id in the form of shared/ids.ts: `req_` and 26 characters of 130 random bits. */
export function newCorrelationId(): string {
  return `req_${letters.draw(26, 'latin1')}`;
}
