import type { SealKey } from '@sallyport/shared/seal';
import {
  type BlockHeader,
  chainBytes,
  chainOf,
  firstChain,
  headerBytes,
  openBlock,
  readHeader,
} from './block.ts';
import type { Settled } from './marks.ts';
import type { Segment } from './segment.ts';

export interface ReaderOptions {
  readonly key: SealKey;
  /** What blocks are sealed for. */
  readonly context: string;
  /** So many records of a class cannot be read; 0: some, and nobody can say how many. */
  readonly onDamage: (records: number, denial: boolean) => void;
}

/** Block numbers are of a run of the process and count up within it. */
export const runBlocks: number = 2 ** 32;

/** Reads the segments of one class in order. Its calls must not overlap. */
export class ClassReader {
  /** The oldest first; what was read and confirmed is gone. */
  readonly segments: Segment[] = [];
  /** How far it has come; null: nobody knows, so that no gap can be told. */
  settled: Settled | null = null;
  readonly #options: ReaderOptions;
  #at: Segment | null = null;
  #offset = 0;
  #chain: Buffer = firstChain;
  #next: BlockHeader | null = null;
  #gapAtEnd = false;

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** A new segment, behind all others. */
  add(segment: Segment): void {
    segment.afterGap = this.#gapAtEnd;
    this.#gapAtEnd = false;
    this.segments.push(segment);
  }

  /** The segment has to make room: from there on nobody can say what else is missing. */
  noteGapAt(segment: Segment): void {
    this.settled = null;
    const next = this.segments[this.segments.indexOf(segment) + 1];
    if (next === undefined) this.#gapAtEnd = true;
    else next.afterGap = true;
  }

  /** Whether there may be blocks that were not read. */
  get hasUnread(): boolean {
    return this.segments.some(
      (segment) => !segment.done && (segment !== this.#at || this.#offset < segment.bytes),
    );
  }

  /** Notes where the end has been reached of what nobody writes to any more. */
  finish(): void {
    const segment = this.#current();
    if (segment?.closed !== true || this.#offset < segment.bytes) return;
    segment.done = true;
    segment.unread = 0;
  }

  /** The header of the next block, which stays the next; null: there is none yet. */
  async peek(): Promise<BlockHeader | null> {
    while (this.#next === null) {
      const segment = this.#current();
      if (segment === null) return null;
      if (this.#offset >= segment.bytes) {
        if (!segment.closed) return null;
        this.finish();
        continue;
      }
      const header = readHeader(await segment.read(this.#offset, headerBytes));
      // Others in front of the gap may have been read since.
      if (segment.afterGap) this.settled = null;
      segment.afterGap = false;
      const whole = header !== null && this.#end(header) <= segment.bytes;
      if (header !== null && header.denial === segment.denial) this.#noteGap(header);
      if (whole && header.denial === segment.denial) this.#next = header;
      else this.#giveUp(segment, header);
    }
    return this.#next;
  }

  /** The lines of the block that `peek` gave; null: it cannot be read, which is counted. */
  async take(): Promise<Uint8Array<ArrayBuffer> | null> {
    const header = this.#next;
    const segment = this.#at;
    if (header === null || segment === null) return null;
    const body = await segment.read(this.#offset + headerBytes, header.bodyBytes);
    if (body.length < header.bodyBytes) {
      this.#giveUp(segment, header);
      return null;
    }
    const { key, context, onDamage } = this.#options;
    const lines = openBlock(key, context, this.#chain, header, body);
    if (lines === null) onDamage(header.records, header.denial);
    this.#pass(segment, header, chainOf(body));
    return lines;
  }

  /** Goes past the block that `peek` gave. */
  async skip(): Promise<void> {
    const header = this.#next;
    const segment = this.#at;
    if (header === null || segment === null) return;
    const chain = await segment.read(this.#end(header) - chainBytes, chainBytes);
    this.#pass(segment, header, chain);
  }

  /** Takes a segment out; returns how many records of it were not read, as far as can be told. */
  async leaveOut(segment: Segment): Promise<number> {
    const reading = segment === this.#at;
    const from = reading ? this.#offset : 0;
    // It must be possible to take out what cannot even be read.
    const unread = segment.unread ?? (await countRecords(segment, from).catch(() => 0));
    this.segments.splice(this.segments.indexOf(segment), 1);
    segment.done = true;
    if (reading) this.#at = null;
    this.#next = reading ? null : this.#next;
    return unread;
  }

  #current(): Segment | null {
    const segment = this.segments.find(({ done }) => !done) ?? null;
    if (segment !== this.#at) {
      this.#at = segment;
      this.#offset = 0;
      this.#chain = firstChain;
    }
    return segment;
  }

  #end(header: BlockHeader): number {
    return this.#offset + headerBytes + header.bodyBytes;
  }

  #pass(segment: Segment, header: BlockHeader, chain: Buffer): void {
    this.#offset = this.#end(header);
    this.#chain = chain;
    this.#next = null;
    if (segment.unread !== null) segment.unread -= header.records;
  }

  /** Nothing behind this place can be told apart: the next block begins the next segment. */
  #giveUp(segment: Segment, header: BlockHeader | null): void {
    this.#options.onDamage(header?.records ?? 0, segment.denial);
    segment.done = true;
    segment.unread = 0;
    this.#next = null;
  }

  /** What is missing in front of a block shows in how many records it says were before it. */
  #noteGap(header: BlockHeader): void {
    const run = Math.floor(header.number / runBlocks);
    const { settled } = this;
    const from = settled?.run === run ? settled.upTo : 0;
    const missing = settled === null || settled.run > run ? 0 : header.before - from;
    if (missing > 0) this.#options.onDamage(missing, header.denial);
    const upTo = header.before + header.records;
    if (settled === null || settled.run < run || (settled.run === run && settled.upTo < upTo)) {
      this.settled = { run, upTo };
    }
  }
}

/** Records in a segment from an offset on, by the headers that can be read. */
async function countRecords(segment: Segment, from: number): Promise<number> {
  let records = 0;
  for (let offset = from; offset < segment.bytes; ) {
    const header = readHeader(await segment.read(offset, headerBytes));
    if (header === null) break;
    records += header.records;
    offset += headerBytes + header.bodyBytes;
  }
  return records;
}
