import { rm } from 'node:fs/promises';
import type { Position } from '@sallyport/shared/state/model';
import { shardsPerLane } from '@sallyport/shared/state/tables/lane';
import type { LaneTable } from '@sallyport/shared/state/tables/lane-table';
import { type DiskKeys, macBytes } from './disk-keys.ts';
import { headerBytes, sealHeader } from './file-format.ts';
import { writeNewFile } from './files.ts';
import type { ShardFile } from './lane-index.ts';
import type { LanePaths } from './paths.ts';

interface Held {
  /** Of the shard in the table when it was encoded. */
  readonly version: number;
  /** null: the shard had no rows. */
  readonly file: ShardFile | null;
}

/** Which file has the newest rows of each shard of a lane; other files of a shard may be in force. */
export class ShardFiles {
  readonly #table: LaneTable;
  readonly #paths: LanePaths;
  readonly #keys: DiskKeys;
  readonly #held: (Held | null)[] = Array.from({ length: shardsPerLane }, () => null);

  constructor(table: LaneTable, paths: LanePaths, keys: DiskKeys) {
    this.#table = table;
    this.#paths = paths;
    this.#keys = keys;
  }

  /** The table's shard, as it now is, is what this file holds. */
  hold(shard: number, file: ShardFile | null): void {
    this.#held[shard] = { version: this.#table.shardVersion(shard), file };
  }

  isDirty(shard: number): boolean {
    return this.#held[shard]?.version !== this.#table.shardVersion(shard);
  }

  dirtyCount(): number {
    return this.#held.filter((_, shard) => this.isDirty(shard)).length;
  }

  /** Of all files. */
  bytes(): number {
    return this.#held.reduce((sum, held) => sum + (held?.file?.bytes ?? 0), 0);
  }

  /** The newest file of each shard. */
  files(): readonly (ShardFile | null)[] {
    return this.#held.map((held) => held?.file ?? null);
  }

  /**
   * Writes the shard's rows as they now are into a file of this sequence, unless there is one with
   * these rows, or one of this sequence. The one slice that holds up the loop is encoding.
   */
  async write(shard: number, sequence: number, position: Position): Promise<boolean> {
    if (!this.isDirty(shard) || this.#held[shard]?.file?.sequence === sequence) return false;
    const version = this.#table.shardVersion(shard);
    if (this.#table.shardRows(shard) === 0) {
      this.#held[shard] = { version, file: null };
      return false;
    }
    const body = this.#table.dumpShard(shard);
    const { lane } = this.#table;
    const header = sealHeader(this.#keys, { kind: 'shard', lane, shard, position, sequence }, body);
    const path = this.#paths.shard(shard, sequence);
    await rm(path, { force: true });
    await writeNewFile(path, [header, body]);
    const mac = Uint8Array.from(header.subarray(headerBytes - macBytes));
    const bytes = headerBytes + body.byteLength;
    this.#held[shard] = { version, file: { sequence, bytes, mac } };
    return true;
  }
}
