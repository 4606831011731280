import { opsToBytes } from '@sallyport/proto';
import type { StateOp } from '@sallyport/shared/state/model';

/** Bytes of a shard's body; a single op that is larger makes a shard of its own. */
const shardBytesMax = 1_000_000;

/**
 * Packs ops into bodies of at most `bytesMax`. Encoded messages of one repeated field may simply be
 * joined (protobuf: concatenation is merging), so each op is encoded once and nothing is measured
 * twice. At least one body, empty for an empty lane.
 */
export class Chunker {
  readonly #bytesMax: number;
  readonly #bodies: Uint8Array[] = [];
  #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(bytesMax: number = shardBytesMax) {
    this.#bytesMax = bytesMax;
  }

  add(op: StateOp): void {
    const encoded = opsToBytes([op]);
    if (this.#bytes > 0 && this.#bytes + encoded.length > this.#bytesMax) this.#close();
    this.#parts.push(encoded);
    this.#bytes += encoded.length;
  }

  finish(): readonly Uint8Array[] {
    if (this.#bytes > 0 || this.#bodies.length === 0) this.#close();
    return this.#bodies;
  }

  #close(): void {
    this.#bodies.push(Buffer.concat(this.#parts));
    this.#parts = [];
    this.#bytes = 0;
  }
}
