import { createHash } from 'node:crypto';
import type { DirectoryOp, RevokeOp } from '../../state/model.ts';
import { blockKey, type Denial, denialWeight, isDenial } from '../denials.ts';
import { laneDigestOf } from '../edge-shards.ts';
import type { ShardDigest } from '../messages.ts';

/** A small model of a lane's rows: what the real tables are to the real shells. */

export type ModelOp = RevokeOp | DirectoryOp;
export const modelShards = 4;

interface Row {
  readonly op: ModelOp;
  readonly text: string;
  readonly hash: number;
  readonly shard: number;
}

export interface ModelShard extends ShardDigest {
  readonly body: Uint8Array;
}

export class ModelRows {
  readonly #rows = new Map<string, Row>();
  readonly #sums = new Uint32Array(modelShards);
  /** Blocks by user. */
  readonly #blocked = new Map<string, number>();
  readonly #generations: 'rise' | 'set';
  #digest: Uint8Array | null = null;

  /** A generation only rises among a lane's rows; beside them, it is set to any value. */
  constructor(generations: 'rise' | 'set' = 'rise') {
    this.#generations = generations;
  }

  copy(): ModelRows {
    const copy = new ModelRows(this.#generations);
    for (const [key, row] of this.#rows) copy.#put(key, row);
    return copy;
  }

  get size(): number {
    return this.#rows.size;
  }

  ops(): ModelOp[] {
    return [...this.#rows.values()].map(({ op }) => op);
  }

  get(key: string): ModelOp | null {
    return this.#rows.get(key)?.op ?? null;
  }

  /** Whether the denial is among the rows, as strict as this one. */
  holds(denial: Denial): boolean {
    const row = this.#rows.get(rowKey(denial))?.op;
    if (row === undefined || !isRevokeOp(row) || !isDenial(row)) return false;
    return denialWeight(row) >= denialWeight(denial);
  }

  /** Whether any block of this user is among the rows. */
  blocks(user: string): boolean {
    return (this.#blocked.get(user) ?? 0) > 0;
  }

  apply(ops: readonly ModelOp[]): void {
    for (const op of ops) {
      const key = rowKey(op);
      if (this.#generations === 'rise' && isLower(op, this.get(key))) continue;
      this.#delete(key);
      if (!isDeletion(op)) this.#put(key, rowOf(key, op));
    }
  }

  /** Puts these shards in the place of ours. */
  replace(shards: ReadonlyMap<number, readonly ModelOp[]>): void {
    for (const [key, { shard }] of this.#rows) if (shards.has(shard)) this.#delete(key);
    for (const ops of shards.values()) this.apply(ops);
  }

  clear(): void {
    this.#digest = null;
    this.#rows.clear();
    this.#blocked.clear();
    this.#sums.fill(0);
  }

  shardDigests(): Uint8Array[] {
    return [...this.#sums].map((sum) => {
      const digest = Buffer.alloc(16);
      digest.writeUInt32BE(sum, 12);
      return digest;
    });
  }

  digest(): Uint8Array {
    this.#digest ??= laneDigestOf(this.shardDigests());
    return this.#digest;
  }

  /** Canonical: the same rows give the same bytes. */
  shards(): ModelShard[] {
    const digests = this.shardDigests();
    return digests.map((digest, index) => {
      const rows = [...this.#rows.values()].filter(({ shard }) => shard === index);
      const body = Buffer.from(
        `[${rows
          .map(({ text }) => text)
          .toSorted()
          .join()}]`,
      );
      const sha256 = createHash('sha256').update(body).digest();
      return { digest, sha256, bytes: body.length, rows: rows.length, body };
    });
  }

  #put(key: string, row: Row): void {
    this.#digest = null;
    this.#rows.set(key, row);
    this.#sums[row.shard] = (this.#sums[row.shard] ?? 0) + row.hash;
    this.#countBlock(row.op, 1);
  }

  #delete(key: string): void {
    const row = this.#rows.get(key);
    if (row === undefined) return;
    this.#digest = null;
    this.#rows.delete(key);
    this.#sums[row.shard] = (this.#sums[row.shard] ?? 0) - row.hash;
    this.#countBlock(row.op, -1);
  }

  #countBlock(op: ModelOp, change: number): void {
    if (op.op !== 'block') return;
    this.#blocked.set(op.subjectId, (this.#blocked.get(op.subjectId) ?? 0) + change);
  }
}

const encoded = new WeakMap<Uint8Array, readonly ModelOp[]>();

/** The body of a frame or shard. */
export function encodeOps(ops: readonly ModelOp[]): Uint8Array {
  const body = Buffer.from(JSON.stringify(ops));
  encoded.set(body, ops);
  return body;
}

/** What `encodeOps` was given, or the shard's rows. */
export function decodeOps(body: Uint8Array): readonly ModelOp[] {
  const known = encoded.get(body);
  if (known !== undefined) return known;
  const ops = JSON.parse(Buffer.from(body).toString()) as ModelOp[];
  encoded.set(body, ops);
  return ops;
}

export function generationKey(scope: string, subjectId: string): string {
  return `generation\0${scope}\0${subjectId}`;
}

export function endedKey(sid: string): string {
  return `ended\0${sid}`;
}

function rowKey(op: ModelOp): string {
  switch (op.op) {
    case 'generation':
      return generationKey(op.scope, op.subjectId);
    case 'ended_session':
    case 'forgotten_session':
      return endedKey(op.sid);
    case 'block':
    case 'lifted_block':
      return blockKey(op);
    case 'user':
    case 'deleted_user':
      return `user\0${op.id}`;
    case 'device':
    case 'deleted_device':
      return `device\0${op.id}`;
    case 'device_certificate':
    case 'deleted_device_certificate':
      return `certificate\0${op.sha256}`;
  }
}

/** A generation of 0 takes its row away, as in the table of what is carried. */
function isDeletion(op: ModelOp): boolean {
  if (op.op === 'generation') return op.value === 0;
  return op.op.startsWith('deleted_') || op.op === 'lifted_block' || op.op === 'forgotten_session';
}

function isLower(op: ModelOp, held: ModelOp | null): boolean {
  return op.op === 'generation' && held?.op === 'generation' && op.value <= held.value;
}

/** Whether the op is of the lane `revoke`. */
export function isRevokeOp(op: ModelOp): op is RevokeOp {
  switch (op.op) {
    case 'generation':
    case 'ended_session':
    case 'forgotten_session':
    case 'block':
    case 'lifted_block':
      return true;
    default:
      return false;
  }
}

function rowOf(key: string, op: ModelOp): Row {
  const text = JSON.stringify(op);
  return { op, text, hash: mix(fnv(text)), shard: fnv(key) % modelShards };
}

function fnv(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  return hash >>> 0;
}

/** Without it, two rows that differ in one letter each may add up to the same sum. */
function mix(hash: number): number {
  const one = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  const two = Math.imul(one ^ (one >>> 13), 0xc2b2ae35);
  return (two ^ (two >>> 16)) >>> 0;
}
