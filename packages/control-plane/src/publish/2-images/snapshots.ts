import { createHash } from 'node:crypto';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { ManifestMessage, ShardDigest } from '@sallyport/shared/sync/messages';
import type { Monotonic } from '../1-log/follow.ts';
import type { Encoded } from '../3-frames/encode.ts';
import type { Slices } from '../slices.ts';
import type { ImageKeeper } from './image-keeper.ts';
import type { LaneImage } from './lane-image.ts';

/** One shard as it goes out. */
export interface SnapshotShard extends ShardDigest {
  /** Hex. */
  readonly hash: string;
  readonly body: Uint8Array;
}

/** A lane's whole state at one position, made once for all edges that need it. */
export interface Snapshot {
  readonly lane: Lane;
  readonly position: Position;
  readonly shards: readonly SnapshotShard[];
  /** Signed. */
  readonly manifest: Encoded;
}

export interface SnapshotParts {
  readonly keeper: ImageKeeper;
  readonly sign: (manifest: Omit<ManifestMessage, 'keyId' | 'signature'>) => Encoded | null;
  readonly slices: Slices;
  readonly monotonic: Monotonic;
  readonly onBuilt: () => void;
}

/** Without anybody asking, a snapshot's bytes are let go after so long. */
const keptMs = 30_000;

/**
 * The snapshots of one lane. A shard is encoded once for each of its versions, so a snapshot after a
 * small change costs a small change; those that ask at the same time share one.
 */
export class Snapshots {
  readonly #parts: SnapshotParts;
  #newest: Snapshot | null = null;
  #usedAtMs = 0;
  #building: Promise<Snapshot | null> | null = null;
  /** Of one image: by shard, its version and what was made of it. */
  #image: LaneImage | null = null;
  #made: ({ readonly version: number; readonly shard: SnapshotShard } | undefined)[] = [];

  constructor(parts: SnapshotParts) {
    this.#parts = parts;
  }

  /**
   * The newest snapshot if it `serves` its caller by its position, else a new one. null: there is
   * no whole image now, or no key to sign with.
   */
  async get(serves: (position: Position) => boolean): Promise<Snapshot | null> {
    this.#usedAtMs = this.#parts.monotonic();
    if (this.#newest !== null && serves(this.#newest.position)) return this.#newest;
    const wasUnderWay = this.#building !== null;
    const found = await this.#build();
    if (found === null ? !wasUnderWay : serves(found.position)) return found;
    // What was under way already may be from before what the caller needs, or void since.
    return this.#build();
  }

  /** Lets go of what nobody asked for lately. Called now and then. */
  forgetOld(): void {
    if (this.#parts.monotonic() - this.#usedAtMs >= keptMs) this.forget();
  }

  forget(): void {
    this.#newest = null;
    this.#image = null;
    this.#made = [];
  }

  #build(): Promise<Snapshot | null> {
    this.#building ??= this.#buildNow().finally(() => {
      this.#building = null;
    });
    return this.#building;
  }

  async #buildNow(): Promise<Snapshot | null> {
    const { keeper, sign, onBuilt } = this.#parts;
    const snapshot = await keeper.hold(async (image, position) => {
      const shards = await this.#shards(image);
      const manifest = sign({ lane: image.lane, position, shards });
      return manifest === null ? null : { lane: image.lane, position, shards, manifest };
    });
    if (snapshot === null) return null;
    this.#newest = snapshot;
    onBuilt();
    return snapshot;
  }

  async #shards(image: LaneImage): Promise<SnapshotShard[]> {
    if (this.#image !== image) {
      this.#image = image;
      this.#made = [];
    }
    const made = this.#made;
    const shards: SnapshotShard[] = [];
    for (let index = 0; index < image.shardCount; index += 1) {
      const version = image.shardVersion(index);
      let entry = made[index];
      if (entry === undefined || entry.version !== version) {
        entry = { version, shard: encodeShard(image, index) };
        made[index] = entry;
        await this.#parts.slices.turn();
      }
      shards.push(entry.shard);
    }
    return shards;
  }
}

function encodeShard(image: LaneImage, index: number): SnapshotShard {
  const body = image.encodeShard(index);
  const sha256 = createHash('sha256').update(body).digest();
  return {
    digest: image.shardDigest(index),
    sha256,
    hash: sha256.toString('hex'),
    bytes: body.length,
    rows: image.shardRows(index),
    body,
  };
}
