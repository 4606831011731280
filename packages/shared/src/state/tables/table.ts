import { createHash } from 'node:crypto';
import { encodeRows } from './canonical.ts';
import { dump } from './dump.ts';
import {
  type LayoutChange,
  presence,
  type RowLane,
  type RowOp,
  type SharedLane,
  shardsPerLane,
} from './lane.ts';
import { readRows } from './read-rows.ts';
import { type Draft, Revision } from './revision.ts';
import { RowFinder } from './row-finder.ts';
import { Shard } from './shard.ts';
import { type StagedShards, Staging } from './staging.ts';
import { TableControl } from './table-control.ts';

let tables = 0;
const emptySlots = 4;

/** See `LaneTable`. */
export class Table {
  readonly lane: RowLane;
  readonly #number: number;
  readonly #digests = new Uint32Array(shardsPerLane * 4);
  readonly #shards: Shard[];
  readonly #control = new TableControl();
  readonly #revision: Revision;
  readonly #finder: RowFinder;
  readonly #listeners: ((change: LayoutChange) => void)[] = [];
  #rows = 0;
  #digest: Uint8Array | null = null;

  constructor(lane: RowLane, generations: 'rise' | 'set') {
    this.lane = lane;
    tables += 1;
    this.#number = tables;
    this.#revision = new Revision(lane, generations);
    this.#finder = new RowFinder(lane);
    this.#shards = Array.from(
      { length: shardsPerLane },
      (_, index) => new Shard(this.#digestOf(index), emptySlots, 0, 1),
    );
    for (const [index, shard] of this.#shards.entries()) this.#control.point(index, shard);
  }

  get rows(): number {
    return this.#rows;
  }

  apply(ops: readonly RowOp[]): void {
    const revision = this.#revision;
    try {
      revision.write(ops);
      for (const index of revision.touched)
        this.#shard(index).checkRoom(revision.addedRows(index), revision.addedWords(index));
      this.#makeRoom();
      this.#change();
      this.#tidy();
    } finally {
      revision.clear();
    }
  }

  digest(): Uint8Array {
    this.#digest ??= createHash('sha256').update(new Uint8Array(this.#digests.buffer)).digest();
    return this.#digest;
  }

  shardDigest(index: number): Uint8Array {
    return new Uint8Array(this.#digests.buffer.slice(index * 16, index * 16 + 16));
  }

  shardVersion(index: number): number {
    return this.#control.version(index);
  }

  shardRows(index: number): number {
    return this.#shard(index).rows;
  }

  encodeShard(index: number): Uint8Array {
    return encodeRows(this.lane, index, this.#shard(index));
  }

  dumpShard(index: number): Uint8Array {
    return dump(this.lane, index, this.#shard(index));
  }

  shardOps<Name extends RowOp['op']>(
    index: number,
    name?: Name,
  ): Generator<Extract<RowOp, { readonly op: Name }>> {
    return readRows(this.#shard(index), name);
  }

  rowOf(op: RowOp): RowOp | null {
    return this.#finder.find(op, (index) => this.#shard(index)) ?? null;
  }

  stage(): StagedShards {
    return new Staging(this.lane, (staged) => this.#replace(staged));
  }

  shared(): SharedLane {
    return {
      table: this.#number,
      lane: this.lane,
      control: this.#control.buffer,
      shards: this.#shards.map(({ generation, buffer }) => ({ generation, buffer })),
    };
  }

  onLayout(listener: (change: LayoutChange) => void): void {
    this.#listeners.push(listener);
  }

  offHeapBytes(): number {
    return this.#shards.reduce(
      (sum, { buffer }) => sum + buffer.byteLength,
      this.#control.buffer.byteLength,
    );
  }

  /** Gives more room to the shards that need it. The rows stay as they are. */
  #makeRoom(): void {
    const revision = this.#revision;
    for (const index of revision.touched) {
      const shard = this.#shard(index);
      const hasMoved = shard.makeRoom(revision.addedRows(index), revision.addedWords(index));
      if (hasMoved) this.#hasMoved(index, shard);
      else this.#control.lengthen(index, shard);
    }
  }

  #hasMoved(index: number, shard: Shard): void {
    this.#announce(index, shard);
    this.#control.open(index);
    this.#control.point(index, shard);
    this.#control.close(index);
  }

  /** Makes all changes while every touched shard's counter is odd. */
  #change(): void {
    const { touched, count, words } = this.#revision;
    // So few rows that they may come or go altogether.
    const isFew = this.#rows <= count;
    if (isFew) this.#control.open(presence);
    for (const index of touched) this.#control.open(index);
    for (let i = 0; i < count; i += 1) this.#applyDraft(this.#revision.draft(i), words);
    for (const index of touched) this.#control.close(index);
    if (isFew) this.#control.closePresence(this.#rows);
    this.#digest = null;
  }

  #applyDraft({ action, shard: index, at, identityWords, words }: Draft, row: Uint32Array): void {
    const shard = this.#shard(index);
    if (action === 'remove') {
      if (shard.remove(row, at, identityWords)) this.#rows -= 1;
      return;
    }
    if (action === 'raise' && !shard.isRaisedBy(row, at, identityWords)) return;
    if (shard.put(row, at, identityWords, words)) this.#rows += 1;
  }

  /** Gives memory back where more than half of it is gaps. */
  #tidy(): void {
    for (const index of this.#revision.touched) {
      const shard = this.#shard(index);
      if (!shard.isMostlyGaps()) continue;
      shard.move(0, 0);
      this.#hasMoved(index, shard);
    }
  }

  #replace(staged: ReadonlyMap<number, Shard>): void {
    for (const [index, shard] of staged) {
      shard.generation = this.#shard(index).generation + 1;
      this.#announce(index, shard);
    }
    this.#control.open(presence);
    for (const index of staged.keys()) this.#control.open(index);
    for (const [index, shard] of staged) this.#put(index, shard);
    for (const index of staged.keys()) this.#control.close(index);
    this.#control.closePresence(this.#rows);
    this.#digest = null;
  }

  #put(index: number, shard: Shard): void {
    this.#rows += shard.rows - this.#shard(index).rows;
    const digest = this.#digestOf(index);
    digest.set(shard.digest);
    shard.digest = digest;
    this.#shards[index] = shard;
    this.#control.point(index, shard);
  }

  #announce(index: number, { generation, buffer }: Shard): void {
    const change = { table: this.#number, shard: index, generation, buffer };
    for (const listener of this.#listeners) listener(change);
  }

  #digestOf(index: number): Uint32Array {
    return this.#digests.subarray(index * 4, index * 4 + 4);
  }

  #shard(index: number): Shard {
    const shard = this.#shards[index];
    if (shard === undefined) throw new RangeError(`there is no shard ${index}`);
    return shard;
  }
}
