import type { SealKey } from '@sallyport/shared/seal';
import { type BlockPlace, chainOf, encodeBlock, firstChain } from './block.ts';
import { runBlocks } from './class-reader.ts';
import { Segment } from './segment.ts';

export interface WritersOptions {
  readonly directory: string;
  readonly key: SealKey;
  /** What blocks are sealed for. */
  readonly context: string;
  readonly segmentBytes: number;
  /** A new segment: it is to be read behind all others of its class. */
  readonly onSegment: (segment: Segment) => void;
  /** One to which nothing was written. */
  readonly onEmpty: (segment: Segment) => Promise<void>;
}

interface Writer {
  readonly segment: Segment;
  chain: Buffer;
}

/** Appends blocks to one segment of each class. Its calls must not overlap. */
export class Writers {
  readonly #options: WritersOptions;
  readonly #open = new Map<boolean, Writer>();
  readonly #written = { permits: 0, denials: 0 };
  #run = 0;
  #block = 0;

  constructor(options: WritersOptions) {
    this.#options = options;
  }

  get run(): number {
    return this.#run;
  }

  /** Blocks of this process are of this run. */
  begin(run: number): void {
    this.#run = run;
  }

  /** The segment that is written to; undefined: none is. */
  segmentOf(denial: boolean): Segment | undefined {
    return this.#open.get(denial)?.segment;
  }

  /** The segment is taken away by somebody else. */
  forget(segment: Segment): void {
    if (this.segmentOf(segment.denial) === segment) this.#open.delete(segment.denial);
  }

  /** The number of the block. Throws what the disk says: then it is not there. */
  async append(denial: boolean, records: number, lines: Uint8Array): Promise<number> {
    const { key, context } = this.#options;
    const name = denial ? 'denials' : 'permits';
    const number = this.#run * runBlocks + this.#block;
    // Also of what fails: no name of a file comes twice.
    this.#block += 1;
    const place: BlockPlace = { number, before: this.#written[name], records, denial };
    try {
      const writer = await this.#writer(denial, lines.length, number);
      const block = encodeBlock(key, context, writer.chain, place, lines);
      await writer.segment.append(block, records);
      writer.chain = chainOf(block);
    } catch (error) {
      await this.#end(denial);
      throw error;
    }
    this.#written[name] += records;
    return number;
  }

  /** Throws what the disk says. */
  async sync(): Promise<void> {
    for (const { segment } of this.#open.values()) await segment.sync();
  }

  async #writer(denial: boolean, bytes: number, number: number): Promise<Writer> {
    const { directory, segmentBytes, onSegment } = this.#options;
    const writer = this.#open.get(denial);
    if (writer !== undefined && writer.segment.bytes + bytes <= segmentBytes) return writer;
    await this.#end(denial);
    const next = { segment: await Segment.create(directory, denial, number), chain: firstChain };
    this.#open.set(denial, next);
    onSegment(next.segment);
    return next;
  }

  /** What is on disk stays readable, by a file of its own. */
  async #end(denial: boolean): Promise<void> {
    const segment = this.segmentOf(denial);
    if (segment === undefined) return;
    this.#open.delete(denial);
    await segment.sync().catch(() => undefined);
    if (segment.bytes > 0) await segment.close();
    else await this.#options.onEmpty(segment);
  }
}
