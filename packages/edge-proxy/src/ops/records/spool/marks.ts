import { constants } from 'node:fs';
import { type FileHandle, open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { open, type SealKey, seal } from '@sallyport/shared/seal';
import type { DroppedRecords } from '../../../worker/messages.ts';

/** How far a class was read: up to which of a run's records. */
export interface Settled {
  readonly run: number;
  readonly upTo: number;
}

/** What must survive beside the records themselves. */
export interface Marks {
  readonly generation: number;
  /** Of the process that wrote them. */
  readonly run: number;
  /** Blocks up to this number were taken by a control plane. */
  readonly cursor: number;
  readonly permits: Settled | null;
  readonly denials: Settled | null;
  /** Lost, and not yet told to a control plane that confirmed it. */
  readonly unreported: DroppedRecords;
}

const noMarks: Marks = {
  generation: 0,
  run: 0,
  cursor: 0,
  permits: null,
  denials: null,
  unreported: { permits: 0, denials: 0 },
};

const slotBytes = 512;
const textBytes = 384;
const context = 'sallyport.edge.records.marks.v1';

/**
 * Two slots of a fixed size that are written by turns: a write that is torn leaves the other, and no
 * write needs room that a full disk does not have.
 */
export class MarksFile {
  readonly #path: string;
  readonly #key: SealKey;
  readonly #context: string;
  #file: FileHandle | null = null;
  #generation = 0;

  constructor(directory: string, key: SealKey, edgeId: string) {
    this.#path = join(directory, 'marks');
    this.#key = key;
    this.#context = `${context}\0${edgeId}`;
  }

  /** The newest marks that can be read. Throws what the disk says. */
  async load(): Promise<Marks> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    this.#file ??= await openFile(this.#path, flags, 0o600);
    const bytes = Buffer.alloc(2 * slotBytes);
    await this.#file.read(bytes, 0, bytes.length, 0);
    const slots = [this.#readSlot(bytes, 0), this.#readSlot(bytes, 1)];
    const newest = slots.reduce((a, b) => (b.generation > a.generation ? b : a), noMarks);
    this.#generation = newest.generation;
    return newest;
  }

  /** Throws what the disk says; the marks before stay then. */
  async write(marks: Omit<Marks, 'generation'>): Promise<void> {
    if (this.#file === null) return;
    const generation = this.#generation + 1;
    const text = JSON.stringify({ generation, ...marks }).padEnd(textBytes);
    const sealed = seal(this.#key, Buffer.from(text), this.#context);
    await this.#file.write(sealed, 0, sealed.length, (generation % 2) * slotBytes);
    this.#generation = generation;
  }

  async close(): Promise<void> {
    await this.#file?.close();
    this.#file = null;
  }

  #readSlot(bytes: Buffer, slot: number): Marks {
    const sealedBytes = sealedLength;
    const sealed = bytes.subarray(slot * slotBytes, slot * slotBytes + sealedBytes);
    try {
      return JSON.parse(Buffer.from(open(this.#key, sealed, this.#context)).toString()) as Marks;
    } catch {
      return noMarks;
    }
  }
}

/** Format, key id, nonce and tag of a sealed value stand around the text (shared/seal.ts). */
const sealedLength = 1 + 4 + 12 + textBytes + 16;
