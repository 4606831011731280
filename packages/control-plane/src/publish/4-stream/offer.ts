import { setTimeout as delay } from 'node:timers/promises';
import type { Position } from '@sallyport/shared/state/model';
import { samePosition } from '@sallyport/shared/sync/position';
import type { Snapshot } from '../2-images/snapshots.ts';
import type { Encoded } from '../3-frames/encode.ts';
import type { Slots } from '../admission.ts';
import type { LaneSource } from './lane-source.ts';
import { ShardParts } from './shard-parts.ts';

/** A transfer of no more than this needs no place among the transfers. */
const smallBytesMax = 262_144;
const sameAgainMs = 500;

/** The snapshot that one lane of one stream is offered, and the shard of it that is on its way. */
export class Offer {
  readonly #transfers: Slots;
  #snapshot: Snapshot | null = null;
  #shard: ShardParts | null = null;
  #position: Position | null = null;

  constructor(transfers: Slots) {
    this.#transfers = transfers;
  }

  /** Of the snapshot that was offered last, also after it was let go. */
  get position(): Position | null {
    return this.#position;
  }

  /** null: nothing is offered now. */
  get manifest(): Encoded | null {
    return this.#snapshot?.manifest ?? null;
  }

  /** Whether parts of a shard are still to be sent. */
  get isAmidShard(): boolean {
    return this.#shard !== null;
  }

  /** A snapshot to offer, not before `atLeast`; null: not to be had now. */
  async find(source: Pick<LaneSource, 'snapshot'>, atLeast: Position): Promise<Snapshot | null> {
    const snapshot = await source.snapshot(atLeast);
    // Offered before and wanted again: whatever the reason, not at once.
    if (snapshot !== null && samePosition(snapshot.position, this.#position)) {
      await delay(sameAgainMs);
    }
    return snapshot;
  }

  make(snapshot: Snapshot): void {
    this.#snapshot = snapshot;
    this.#position = snapshot.position;
  }

  /** False: nothing is offered any more. */
  beginShard(index: number): boolean {
    if (this.#snapshot === null) return false;
    this.#shard = new ShardParts(this.#snapshot, index);
    return true;
  }

  /** The next part of the shard that was begun. */
  nextPart(): Encoded {
    if (this.#shard === null) throw new Error('no shard was begun');
    const bytes = this.#shard.next();
    if (this.#shard.done) this.#shard = null;
    return bytes;
  }

  /** The places are for transfers that take a while. False: `onFree` is called when there is one. */
  hasPlace(shards: readonly number[], onFree: () => void): boolean {
    if (this.#snapshot === null) return true;
    let bytes = 0;
    for (const index of shards) {
      bytes += this.#snapshot.shards[index]?.bytes ?? 0;
      if (bytes > smallBytesMax) return this.#transfers.take(this, onFree);
    }
    return true;
  }

  leavePlace(): void {
    this.#transfers.release(this);
  }

  drop(): void {
    this.leavePlace();
    this.#snapshot = null;
    this.#shard = null;
  }
}
