import { frameFlags, frameTypes } from './frame-budget.ts';

/** The head of a frame that holds headers, or goes on with them. */
export interface HeaderFrame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
}

/** Of one header section, as it travels. */
const blockBytesMax = 65_536;
const nothing = Buffer.alloc(0);

/** Puts header sections together from the frames that they come in: RFC 9113, section 4.3. */
export class HeaderBlocks {
  readonly #ended: (streamId: number, block: Uint8Array) => void;
  #frame: HeaderFrame | null = null;
  #payload: Buffer = nothing;
  #filled = 0;
  #left = 0;
  #block: Uint8Array[] = [];
  #bytes = 0;
  #since = 0;

  /** `ended`: told of each section that is whole. */
  constructor(ended: (streamId: number, block: Uint8Array) => void) {
    this.#ended = ended;
  }

  /** When a section began that has not ended yet; 0: none has. */
  get since(): number {
    return this.#since;
  }

  /** Some of the payload of a frame is still to come. */
  get wanting(): boolean {
    return this.#left > 0;
  }

  /** A frame begins; false: with it the section is too large. */
  begin(frame: HeaderFrame, length: number, nowMs: number): boolean {
    this.#bytes += length;
    if (this.#bytes > blockBytesMax) return false;
    this.#frame = frame;
    if (this.#since === 0) this.#since = nowMs;
    this.#left = length;
    if (length === 0) this.#endFrame();
    return true;
  }

  /** How many bytes it took. What comes in pieces is copied: each would hold on to its own memory. */
  take(chunk: Buffer, at: number): number {
    const part = chunk.subarray(at, at + this.#left);
    if (this.#filled === 0 && part.length === this.#left) {
      this.#payload = part;
    } else {
      if (this.#filled === 0) this.#payload = Buffer.alloc(this.#left);
      part.copy(this.#payload, this.#filled);
    }
    this.#filled += part.length;
    this.#left -= part.length;
    if (this.#left === 0) this.#endFrame();
    return part.length;
  }

  #endFrame(): void {
    const frame = this.#frame;
    const payload = this.#payload;
    this.#frame = null;
    this.#payload = nothing;
    this.#filled = 0;
    if (frame === null) return;
    this.#block.push(fragmentOf(frame, payload));
    if ((frame.flags & frameFlags.endHeaders) === 0) return;
    const [first = nothing, ...more] = this.#block;
    this.#block = [];
    this.#bytes = 0;
    this.#since = 0;
    this.#ended(frame.streamId, more.length === 0 ? first : Buffer.concat([first, ...more]));
  }
}

/** RFC 9113, section 6.2: without padding and priority. */
function fragmentOf({ type, flags }: HeaderFrame, payload: Uint8Array): Uint8Array {
  if (type !== frameTypes.headers) return payload;
  const padded = (flags & frameFlags.padded) !== 0;
  const from = (padded ? 1 : 0) + ((flags & frameFlags.priority) === 0 ? 0 : 5);
  const padding = padded ? (payload[0] ?? 0) : 0;
  return payload.subarray(from, Math.max(from, payload.length - padding));
}
