import { closeSync, fdatasync, ftruncateSync, openSync, rmSync, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Position } from '@sallyport/shared/state/model';
import type { RowLane } from '@sallyport/shared/state/tables/lane';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { type DiskKeys, macBytes } from './disk-keys.ts';
import { headerBytes, sealHeader } from './file-format.ts';
import { chainOf, encodeRecord } from './journal-record.ts';

const syncData = promisify(fdatasync);

export interface SegmentStart {
  readonly path: string;
  readonly lane: RowLane;
  /** What the first record goes on from. */
  readonly base: Position;
  readonly sequence: number;
}

/** One file of a journal, written by appending alone. */
export class JournalSegment {
  readonly sequence: number;
  readonly #file: number;
  readonly #keys: DiskKeys;
  #chain: Buffer;
  #bytes = headerBytes;
  #unsynced = true;
  #syncing: Promise<void> | null = null;
  #open = true;

  private constructor(file: number, sequence: number, keys: DiskKeys, chain: Buffer) {
    this.#file = file;
    this.sequence = sequence;
    this.#keys = keys;
    this.#chain = chain;
  }

  /** Makes the file. Throws what the disk says. */
  static create(keys: DiskKeys, { path, lane, base, sequence }: SegmentStart): JournalSegment {
    const place = { kind: 'journal', lane, shard: 0 } as const;
    const header = sealHeader(keys, { ...place, position: base, sequence }, Buffer.alloc(0));
    const file = openSync(path, 'wx', 0o600);
    try {
      writeAll(file, header);
    } catch (error) {
      closeSync(file);
      rmSync(path, { force: true });
      throw error;
    }
    return new JournalSegment(file, sequence, keys, header.subarray(headerBytes - macBytes));
  }

  get bytes(): number {
    return this.#bytes;
  }

  get unsynced(): boolean {
    return this.#unsynced;
  }

  /**
   * Appends a record; what is written when this returns survives the end of this process. Throws
   * what the disk says: then the file ends after the record before, and no more may be appended.
   */
  append(frame: FrameMessage): void {
    const record = encodeRecord(this.#keys.keys[0].key, this.#chain, frame);
    this.#unsynced = true;
    try {
      writeAll(this.#file, record);
    } catch (error) {
      this.#cutBack();
      throw error;
    }
    this.#chain = chainOf(record);
    this.#bytes += record.length;
  }

  /** What was appended before the call survives a power cut when this resolves. */
  async sync(): Promise<void> {
    await this.#syncing;
    if (!this.#unsynced || !this.#open) return;
    this.#unsynced = false;
    this.#syncing = syncData(this.#file);
    try {
      await this.#syncing;
    } finally {
      this.#syncing = null;
    }
  }

  async close(): Promise<void> {
    if (!this.#open) return;
    await this.#syncing?.catch(() => undefined);
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#file);
  }

  /** A torn record would be cut off when the journal is read; this only spares the warning. */
  #cutBack(): void {
    try {
      ftruncateSync(this.#file, this.#bytes);
    } catch {
      // The disk has failed already, and is reported for that.
    }
  }
}

function writeAll(file: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
}
