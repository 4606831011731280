import { escapeControls } from './escape-controls.ts';
import type { RecordLines } from './messages.ts';

const chunkBytes = 128 * 1024;
/** One with so much in it is passed on as it is. */
const filledBytes = 0.875 * chunkBytes;
const lineFeed = 0x0a;
/** Of one unit of a text, in UTF-8. */
const characterBytesMax = 3;

/** Records of one class as lines in a piece of memory that more are written to. */
export class OpenLines {
  readonly #denial: boolean;
  #bytes: Buffer<ArrayBuffer> | null = null;
  #used = 0;
  #records = 0;

  constructor(denial: boolean) {
    this.#denial = denial;
  }

  get isEmpty(): boolean {
    return this.#used === 0;
  }

  /** One line more. false: there may be no room for it, and nothing has changed. */
  add(json: string): boolean {
    if (this.#used + json.length * characterBytesMax >= chunkBytes) return false;
    this.#bytes ??= Buffer.allocUnsafeSlow(chunkBytes);
    let end = this.#used + this.#bytes.write(json, this.#used);
    // As many bytes as characters: all of it is ASCII, as nearly always.
    if (end !== this.#used + json.length || json.includes('\u007f')) {
      const escaped = escapeControls(json);
      if (this.#used + Buffer.byteLength(escaped) >= chunkBytes) return false;
      end = this.#used + this.#bytes.write(escaped, this.#used);
    }
    this.#bytes[end] = lineFeed;
    this.#used = end + 1;
    this.#records += 1;
    return true;
  }

  /** All lines so far, which are not here any more; null: there are none. */
  take(): RecordLines | null {
    if (this.#bytes === null || this.#used === 0) return null;
    const { buffer } = this.#bytes;
    const bytes = this.#used;
    // What is left of it takes up memory that nobody counts.
    const lines =
      bytes < filledBytes
        ? new Uint8Array(buffer.transfer(bytes))
        : new Uint8Array(buffer, 0, bytes);
    const taken = { lines, bytes, records: this.#records, denial: this.#denial };
    this.#bytes = null;
    this.#used = 0;
    this.#records = 0;
    return taken;
  }
}

/** A record that is larger than all that is usual. */
export function linesOf(json: string, denial: boolean): RecordLines {
  const lines = new TextEncoder().encode(`${escapeControls(json)}\n`);
  return { lines, bytes: lines.length, records: 1, denial };
}
