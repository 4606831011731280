import type { BlockHeader } from './block.ts';
import { ClassReader, type ReaderOptions } from './class-reader.ts';
import type { Marks } from './marks.ts';
import type { Segment } from './segment.ts';

/** Some records of one class that were on disk. */
export interface SpooledBlock {
  readonly number: number;
  readonly records: number;
  readonly lines: Uint8Array<ArrayBuffer>;
}

interface Unconfirmed {
  readonly segment: Segment;
  readonly records: number;
}

/** Reads both classes as one, and knows of each block whether it is confirmed. */
export class Readers {
  readonly #permits: ClassReader;
  readonly #denials: ClassReader;
  /** Read and not confirmed, by number. */
  readonly #given = new Map<number, Unconfirmed>();
  /** Confirmed before they were read: what they hold was sent from memory. */
  readonly #early = new Map<number, Unconfirmed>();
  /** Neither read nor confirmed, and under way from memory. */
  readonly #copies = new Map<number, Unconfirmed>();
  #cursor = 0;
  #lastRead = 0;

  constructor(options: ReaderOptions) {
    this.#permits = new ClassReader(options);
    this.#denials = new ClassReader(options);
  }

  of(denial: boolean): ClassReader {
    return denial ? this.#denials : this.#permits;
  }

  get segments(): readonly Segment[] {
    return [...this.#permits.segments, ...this.#denials.segments];
  }

  get hasUnread(): boolean {
    return this.#permits.hasUnread || this.#denials.hasUnread;
  }

  /** That are on disk, as far as they are counted. */
  get records(): number {
    const unread = this.segments.reduce((sum, segment) => sum + (segment.unread ?? 0), 0);
    return [...this.#given.values()].reduce((sum, { records }) => sum + records, unread);
  }

  /** Goes on from where an earlier process was. */
  resume({ cursor, permits, denials }: Marks, found: readonly Segment[]): void {
    for (const segment of found) this.of(segment.denial).segments.push(segment);
    this.#cursor = cursor;
    this.#permits.settled = permits;
    this.#denials.settled = denials;
  }

  /** From where a later process is to go on. */
  get position(): Pick<Marks, 'cursor' | 'permits' | 'denials'> {
    const given = [...this.#given.keys()];
    return {
      cursor: given.length > 0 ? Math.min(...given) - 1 : Math.max(this.#cursor, this.#lastRead),
      permits: this.#permits.settled,
      denials: this.#denials.settled,
    };
  }

  noteCopy(number: number, segment: Segment, records: number): void {
    this.#copies.set(number, { segment, records });
    segment.outstanding += 1;
  }

  confirm(number: number): void {
    const copy = this.#copies.get(number);
    const confirmed = this.#given.get(number) ?? copy;
    this.#copies.delete(number);
    this.#given.delete(number);
    if (confirmed !== undefined) confirmed.segment.outstanding -= 1;
    if (copy !== undefined) this.#early.set(number, copy);
  }

  /** Takes a segment out; returns how many records are gone with it, as far as can be told. */
  async leaveOut(segment: Segment): Promise<number> {
    let lost = await this.of(segment.denial).leaveOut(segment);
    for (const [number, early] of this.#early) {
      if (early.segment !== segment) continue;
      this.#early.delete(number);
      lost -= early.records;
    }
    return Math.max(0, lost);
  }

  /** The next block that nobody has sent; null: there is none yet. Throws what the disk says. */
  async next(): Promise<SpooledBlock | null> {
    for (;;) {
      const reader = await this.#nextReader();
      const header = (await reader?.peek()) ?? null;
      if (reader === null || header === null) return null;
      const block = await this.#read(reader, header);
      this.#lastRead = header.number;
      if (block !== null) return block;
    }
  }

  /** Segments in which nothing is left to be sent or confirmed. */
  over(writing: (denial: boolean) => Segment | undefined): readonly Segment[] {
    return [false, true].flatMap((denial) => {
      const reader = this.of(denial);
      reader.finish();
      return reader.segments.filter((segment) => {
        const read = segment.done || (segment === writing(denial) && segment.unread === 0);
        return read && segment.outstanding === 0;
      });
    });
  }

  /** Where the block with the lowest number is. */
  async #nextReader(): Promise<ClassReader | null> {
    const [permit, denial] = [await this.#permits.peek(), await this.#denials.peek()];
    if (permit === null) return denial === null ? null : this.#denials;
    return denial === null || permit.number < denial.number ? this.#permits : this.#denials;
  }

  /** null: it has been sent already, or cannot be read. */
  async #read(reader: ClassReader, { number, records }: BlockHeader): Promise<SpooledBlock | null> {
    if (number <= this.#cursor || this.#early.delete(number)) {
      await reader.skip();
      return null;
    }
    const segment = reader.segments.find(({ done }) => !done);
    const copy = this.#copies.has(number);
    const lines = copy ? await skipped(reader) : await reader.take();
    if (lines === null || segment === undefined) return null;
    // Confirmed while it was looked at.
    if (this.#early.delete(number)) return null;
    // Of a copy something was under way all the time.
    if (!this.#copies.delete(number)) segment.outstanding += 1;
    this.#given.set(number, { segment, records });
    return copy ? null : { number, records, lines };
  }
}

async function skipped(reader: ClassReader): Promise<Uint8Array<ArrayBuffer>> {
  await reader.skip();
  return new Uint8Array();
}
