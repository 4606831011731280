import { lstat, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@sallyport/shared/log';
import type { SealKey } from '@sallyport/shared/seal';
import { addDropped, droppedOf, nothingDropped } from '../../../worker/dropped-records.ts';
import type { DroppedRecords, RecordLines } from '../../../worker/messages.ts';
import { runBlocks } from './class-reader.ts';
import { type Marks, MarksFile } from './marks.ts';
import { Readers, type SpooledBlock } from './readers.ts';
import { Segment } from './segment.ts';
import { SpoolHealth } from './spool-health.ts';
import { Writers } from './writers.ts';

export interface SpoolOptions {
  readonly home: string;
  readonly edgeId: string;
  /** Of this machine (identity/local-key.ts). */
  readonly key: SealKey;
  readonly bytesMax: number;
  readonly log: Log;
}

/** `dropped`: there is no room, and nothing in it that counts less. */
export type Appended =
  | { readonly kind: 'written'; readonly number: number }
  | { readonly kind: 'dropped' };

const segmentBytesMax = 4 * 1024 * 1024;
const segmentsMin = 16;
const blockBytesMax = 256 * 1024;
const markEveryMs = 500;
/** What a block takes besides its lines. */
const blockBytesMore = 128;

/**
 * Access records on disk, while no control plane takes them: in segments by class, sealed with a key
 * of this machine, given out again in the order in which they came. What was written survives the
 * end of the process. When there is no more room the oldest permits go, then the oldest denials. A
 * disk that fails is told once and tried again; nothing here waits for it but the writing itself.
 */
export class RecordSpool {
  /** Told what it loses. */
  onDropped: (dropped: DroppedRecords) => void = () => undefined;
  readonly #options: SpoolOptions;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #marks: MarksFile;
  readonly #health: SpoolHealth;
  readonly #readers: Readers;
  readonly #writers: Writers;
  #unreported = nothingDropped;
  #dropped = nothingDropped;
  #damaged = 0;
  #prepared = false;
  #full = false;
  #marking: NodeJS.Timeout | null = null;
  #last: Promise<unknown> = Promise.resolve();

  private constructor(options: SpoolOptions) {
    const { home, edgeId, key, bytesMax, log } = options;
    this.#options = options;
    this.#directory = join(home, 'records');
    this.#segmentBytes = Math.min(segmentBytesMax, Math.floor(bytesMax / segmentsMin));
    this.#marks = new MarksFile(this.#directory, key, edgeId);
    this.#health = new SpoolHealth(log);
    const context = `sallyport.edge.records.v1\0${edgeId}`;
    this.#readers = new Readers({
      key,
      context,
      onDamage: (records, denial) => this.#onDamage(records, denial),
    });
    this.#writers = new Writers({
      directory: this.#directory,
      key,
      context,
      segmentBytes: this.#segmentBytes,
      onSegment: (segment) => this.#readers.of(segment.denial).add(segment),
      onEmpty: (segment) => this.#takeAway(segment),
    });
  }

  /** Looks for what an earlier process left; a disk that fails is tried again later. */
  static async open(options: SpoolOptions): Promise<RecordSpool> {
    const spool = new RecordSpool(options);
    await spool.#turn(() => spool.#prepare());
    return spool;
  }

  /** On disk. */
  get bytes(): number {
    return this.#readers.segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** That are on disk, as far as they are counted. */
  get records(): number {
    return this.#readers.records;
  }

  /** Whether there are blocks to send, and the disk lets them be read. */
  get hasUnread(): boolean {
    return !this.#health.waiting('read') && this.#readers.hasUnread;
  }

  /** The next records can be written only in the place of others. */
  get full(): boolean {
    return this.#full;
  }

  get failing(): boolean {
    return this.#health.failing;
  }

  /** What this process lost of it. */
  get droppedTotal(): DroppedRecords {
    return this.#dropped;
  }

  /** Places at which something was written that cannot be read. */
  get damagedTotal(): number {
    return this.#damaged;
  }

  /** What an earlier process lost and could not tell. */
  get unreported(): DroppedRecords {
    return this.#unreported;
  }

  /** Losses that no control plane has confirmed to have heard of: they survive a restart. */
  noteUnreported(unreported: DroppedRecords): void {
    const { permits, denials } = this.#unreported;
    if (unreported.permits === permits && unreported.denials === denials) return;
    this.#unreported = unreported;
    this.#markSoon();
  }

  /** A block should not be larger. */
  get blockBytesMax(): number {
    return Math.min(blockBytesMax, this.#segmentBytes);
  }

  /** Writes records of one class; null: the disk fails, and they are not there. */
  append(items: readonly RecordLines[]): Promise<Appended | null> {
    return this.#turn(() => this.#append(items, true));
  }

  /**
   * The same for what is under way from memory: this process does not give it out again, and nothing
   * is lost with it yet.
   */
  appendCopy(items: readonly RecordLines[]): Promise<Appended | null> {
    return this.#turn(async () => {
      const appended = await this.#append(items, false);
      const segment = this.#writers.segmentOf(items[0]?.denial === true);
      if (appended?.kind === 'written' && segment !== undefined) {
        this.#readers.noteCopy(appended.number, segment, recordsOf(items));
      }
      return appended;
    });
  }

  /** The next block to send; null: there is none, or it cannot be read now. */
  next(): Promise<SpooledBlock | null> {
    return this.#turn(() => this.#next());
  }

  /** A control plane has these blocks. */
  async confirm(numbers: readonly number[]): Promise<void> {
    for (const number of numbers) this.#readers.confirm(number);
    this.#markSoon();
    await this.#turn(() => this.#tidy());
  }

  /** Looks once more for what an earlier process left, where that could not be read. */
  async lookAgain(): Promise<void> {
    if (!this.#prepared) await this.#turn(() => this.#prepare());
  }

  /** Until it resolves a power cut may take what was written. */
  sync(): Promise<void> {
    return this.#turn(async () => {
      if (this.#health.waiting('sync')) return;
      await this.#health.attempt('sync', () => this.#writers.sync());
    });
  }

  async close(): Promise<void> {
    await this.#turn(async () => {
      if (this.#marking !== null) clearTimeout(this.#marking);
      this.#marking = null;
      await this.#tidy();
      if (this.#prepared) await this.#writeMarks();
      for (const segment of this.#readers.segments) await segment.close();
      await this.#marks.close();
    });
  }

  /** One thing after the other: each looks at files that the others change. */
  #turn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #prepare(): Promise<boolean> {
    if (this.#prepared || this.#health.waiting('write')) return this.#prepared;
    await this.#health.attempt('write', async () => {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      const marks = await this.#marks.load();
      const found = await this.#find();
      this.#resume(marks, found);
      this.#prepared = true;
    });
    await this.#writeMarks();
    return this.#prepared;
  }

  async #find(): Promise<Segment[]> {
    const found: Segment[] = [];
    for (const file of await readdir(this.#directory)) {
      const stat = await lstat(join(this.#directory, file));
      const segment = stat.isFile() ? Segment.found(this.#directory, file, stat.size) : null;
      if (segment !== null) found.push(segment);
    }
    return found.toSorted((a, b) => a.first - b.first);
  }

  #resume(marks: Marks, found: readonly Segment[]): void {
    this.#readers.resume(marks, found);
    const newest = Math.floor((found.at(-1)?.first ?? 0) / runBlocks);
    this.#writers.begin(Math.max(marks.run, newest) + 1);
    this.#unreported = addDropped(this.#unreported, marks.unreported);
    this.#lookWhetherFull();
    if (found.length === 0) return;
    this.#options.log.info('records.spool_found', { files: found.length, bytes: this.bytes });
  }

  async #append(items: readonly RecordLines[], last: boolean): Promise<Appended | null> {
    if (!(await this.#prepare()) || this.#health.waiting('write')) return null;
    const [first] = items;
    if (first === undefined) return { kind: 'dropped' };
    const { denial } = first;
    const records = recordsOf(items);
    const lines = Buffer.concat(items.map((item) => item.lines));
    const appended = await this.#health.attempt('write', async (): Promise<Appended> => {
      if (await this.#makeRoom(denial, lines.length + blockBytesMore)) {
        return { kind: 'written', number: await this.#writers.append(denial, records, lines) };
      }
      if (last) this.#drop(droppedOf(records, denial));
      return { kind: 'dropped' };
    });
    this.#lookWhetherFull();
    return appended;
  }

  /** Whether there is room for a block now. Permits make room for anything, denials for denials. */
  async #makeRoom(denial: boolean, bytes: number): Promise<boolean> {
    const { bytesMax } = this.#options;
    while (this.bytes + bytes > bytesMax) {
      const victim = this.#oldest(false) ?? (denial ? this.#oldest(true) : undefined);
      if (victim === undefined || bytes > bytesMax) return false;
      this.#writers.forget(victim);
      this.#readers.of(victim.denial).noteGapAt(victim);
      this.#drop(droppedOf(await this.#readers.leaveOut(victim), victim.denial));
      await victim.remove();
    }
    return true;
  }

  /** Not one of which something is under way: it may have to be sent again. */
  #oldest(denial: boolean): Segment | undefined {
    return this.#readers.of(denial).segments.find(({ outstanding }) => outstanding === 0);
  }

  async #next(): Promise<SpooledBlock | null> {
    if (!(await this.#prepare()) || this.#health.waiting('read')) return null;
    const found = await this.#health.attempt('read', () => this.#readers.next());
    await this.#tidy();
    return found;
  }

  /** Takes away what has been read and confirmed; the marks go first. */
  async #tidy(): Promise<void> {
    const over = this.#readers.over((denial) => this.#writers.segmentOf(denial));
    if (over.length > 0) await this.#writeMarks();
    for (const segment of over) {
      this.#writers.forget(segment);
      await this.#takeAway(segment);
    }
    this.#lookWhetherFull();
  }

  /** Of which nothing is missed. */
  async #takeAway(segment: Segment): Promise<void> {
    await this.#readers.leaveOut(segment);
    await segment.remove().catch(() => undefined);
  }

  /** It counts as full before anything is lost, and no more when some segments are free. */
  #lookWhetherFull(): void {
    const { bytesMax } = this.#options;
    const free = bytesMax - this.bytes;
    if (free < this.#segmentBytes) this.#full = true;
    else if (free >= 2 * this.#segmentBytes) this.#full = false;
  }

  #onDamage(records: number, denial: boolean): void {
    this.#damaged += 1;
    this.#options.log.warn('records.spool_damaged', { records, denial });
    this.#drop(droppedOf(records, denial));
  }

  #drop(dropped: DroppedRecords): void {
    if (dropped.permits + dropped.denials === 0) return;
    this.#dropped = addDropped(this.#dropped, dropped);
    this.onDropped(dropped);
  }

  #marksNow(): Omit<Marks, 'generation'> {
    const { run } = this.#writers;
    return { run, ...this.#readers.position, unreported: this.#unreported };
  }

  #markSoon(): void {
    this.#marking ??= setTimeout(() => {
      this.#marking = null;
      void this.#turn(() => this.#writeMarks());
    }, markEveryMs).unref();
  }

  /** A failure is told with those of writing; the marks before stay. */
  async #writeMarks(): Promise<void> {
    if (!this.#prepared) return;
    await this.#health.attempt('marks', () => this.#marks.write(this.#marksNow()));
  }
}

function recordsOf(items: readonly RecordLines[]): number {
  return items.reduce((sum, { records }) => sum + records, 0);
}
