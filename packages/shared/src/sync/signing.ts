import { createHash, type KeyObject, sign as signWith } from 'node:crypto';
import type { Lane, Position } from '../state/model.ts';
import { type LaneHead, laneNumbers, type ShardDigest } from './messages.ts';

/**
 * The bytes that are signed, Ed25519 (RFC 8032) over each of these: a domain tag, the header's
 * fields, and the SHA-256 of the body. Numbers are big-endian, texts and lists have their length in
 * front (4 bytes), so that no two messages have the same bytes. docs/protocol.md has the layout.
 */

/** What a signature is made for. Only keys of this purpose are believed. */
export type SigningPurpose = `lane-${Lane}` | 'heartbeat';

/** All of them, in the order of the lanes. */
export const signingPurposes: readonly SigningPurpose[] = [
  'lane-revoke',
  'lane-signals',
  'lane-config',
  'lane-directory',
  'heartbeat',
];

export interface FrameHeader {
  readonly lane: Lane;
  readonly epoch: number;
  readonly prevRev: number;
  readonly rev: number;
  readonly keyId: string;
}

/** What is signed of a frame, and so of its proof, by a key of `lane-<lane>`. */
export function frameSigned(header: FrameHeader, bodySha256: Uint8Array): Uint8Array {
  return new SignedBytes('sallyport.v1.frame\0')
    .byte(laneNumbers[header.lane])
    .long(header.epoch)
    .long(header.prevRev)
    .long(header.rev)
    .text(header.keyId)
    .hash(bodySha256)
    .end();
}

export interface ManifestHeader {
  readonly lane: Lane;
  readonly position: Position;
  readonly keyId: string;
}

/** What is signed of a manifest by a key of `lane-<lane>`. */
export function manifestSigned(header: ManifestHeader, shards: readonly ShardDigest[]): Uint8Array {
  const list = createHash('sha256');
  for (const { digest, sha256, bytes, rows } of shards) {
    const numbers = Buffer.alloc(8);
    numbers.writeUInt32BE(bytes, 0);
    numbers.writeUInt32BE(rows, 4);
    list.update(fixed(digest, 16)).update(fixed(sha256, 32)).update(numbers);
  }
  return new SignedBytes('sallyport.v1.manifest\0')
    .byte(laneNumbers[header.lane])
    .long(header.position.epoch)
    .long(header.position.rev)
    .text(header.keyId)
    .count(shards.length)
    .hash(list.digest())
    .end();
}

export interface HeartbeatHeader {
  readonly replica: string;
  readonly sentAtMs: number;
  readonly logAgeMs: number;
  readonly keyId: string;
}

/** What is signed of a heartbeat by a key of `heartbeat`: the heads in the order of the message. */
export function heartbeatSigned(header: HeartbeatHeader, heads: readonly LaneHead[]): Uint8Array {
  const bytes = new SignedBytes('sallyport.v1.heartbeat\0')
    .text(header.replica)
    .long(header.sentAtMs)
    .long(header.logAgeMs)
    .text(header.keyId)
    .count(heads.length);
  for (const { lane, head, digest, digestAt } of heads) {
    bytes
      .byte(typeof lane === 'number' ? lane : laneNumbers[lane])
      .long(head.epoch)
      .long(head.rev);
    if (digest === null || digestAt === null) bytes.byte(0);
    else bytes.byte(1).long(digestAt.epoch).long(digestAt.rev).hash(digest);
  }
  return bytes.end();
}

export interface ProvisionalHeader {
  readonly id: string;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  readonly keyId: string;
}

/** What is signed of a provisional denial by a key of `lane-revoke`. */
export function provisionalSigned(header: ProvisionalHeader, bodySha256: Uint8Array): Uint8Array {
  return new SignedBytes('sallyport.v1.provisional\0')
    .text(header.id)
    .long(header.issuedAtMs)
    .long(header.expiresAtMs)
    .text(header.keyId)
    .hash(bodySha256)
    .end();
}

/** Ed25519: the same bytes and key give the same signature, 64 bytes. */
export function sign(bytes: Uint8Array, privateKey: KeyObject): Uint8Array {
  return signWith(null, bytes, privateKey);
}

/** SHA-256 of a body, 32 bytes. */
export function bodySha256(body: Uint8Array): Uint8Array {
  return createHash('sha256').update(body).digest();
}

/** Throws RangeError for a number that is not whole, negative or too large. */
class SignedBytes {
  readonly #parts: Uint8Array[];

  constructor(tag: string) {
    this.#parts = [Buffer.from(tag, 'latin1')];
  }

  byte(value: number): this {
    const bytes = Buffer.alloc(1);
    bytes.writeUInt8(value);
    return this.#add(bytes);
  }

  count(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(value);
    return this.#add(bytes);
  }

  long(value: number): this {
    if (!Number.isSafeInteger(value)) throw new RangeError(`${value} is not a whole number`);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(value));
    return this.#add(bytes);
  }

  text(value: string): this {
    const bytes = Buffer.from(value, 'utf8');
    return this.count(bytes.length).#add(bytes);
  }

  hash(value: Uint8Array): this {
    return this.#add(fixed(value, 32));
  }

  end(): Uint8Array {
    return Buffer.concat(this.#parts);
  }

  #add(bytes: Uint8Array): this {
    this.#parts.push(bytes);
    return this;
  }
}

function fixed(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length !== length) throw new RangeError(`${bytes.length} bytes instead of ${length}`);
  return bytes;
}
