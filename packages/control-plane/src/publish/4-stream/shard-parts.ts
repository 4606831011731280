import { shardPartBytesMax } from '@sallyport/shared/sync/messages';
import type { Snapshot } from '../2-images/snapshots.ts';
import { type Encoded, encodeMessage } from '../3-frames/encode.ts';

/** Bytes of a part. Smaller than it may be, so that a slow line is seen to take it. */
const partBytes = Math.min(shardPartBytesMax, 262_144);

/** The parts of one shard that are still to be sent, each encoded when its turn has come. */
export class ShardParts {
  readonly #snapshot: Snapshot;
  readonly #index: number;
  readonly #body: Uint8Array;
  readonly #parts: number;
  #next = 0;

  constructor(snapshot: Snapshot, index: number) {
    const shard = snapshot.shards[index];
    if (shard === undefined) throw new RangeError(`there is no shard ${index}`);
    this.#snapshot = snapshot;
    this.#index = index;
    this.#body = shard.body;
    this.#parts = Math.max(1, Math.ceil(shard.body.length / partBytes));
  }

  get done(): boolean {
    return this.#next >= this.#parts;
  }

  next(): Encoded {
    const part = this.#next;
    this.#next += 1;
    const { lane, position } = this.#snapshot;
    const body = this.#body.subarray(part * partBytes, (part + 1) * partBytes);
    const value = { lane, position, index: this.#index, part, parts: this.#parts, body };
    return encodeMessage({ kind: 'shard', value });
  }
}
