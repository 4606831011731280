import type { Position } from '@sallyport/shared/state/model';
import type { DiskKeys } from './disk-keys.ts';
import { type FilePlace, sealHeaderOf } from './file-format.ts';
import { replaceFile } from './files.ts';

/** What a file is to hold. */
export interface SmallContent {
  readonly position: Position;
  readonly sequence: number;
  /** Its parts, one after the other. */
  readonly body: readonly Uint8Array[];
}

type Content = () => SmallContent | Promise<SmallContent>;

/** A file that is written as a whole each time; what comes while it is written is written after. */
export class SmallFile {
  readonly #path: string;
  readonly #place: FilePlace;
  readonly #keys: DiskKeys;
  #wanted: Content | null = null;
  #busy: Promise<void> = Promise.resolve();
  #written: Omit<SmallContent, 'body'> | null = null;

  constructor(path: string, place: FilePlace, keys: DiskKeys) {
    this.#path = path;
    this.#place = place;
    this.#keys = keys;
  }

  /** Whether there is something that is not on disk yet. */
  get dirty(): boolean {
    return this.#wanted !== null;
  }

  /** What was written last by this process. */
  get written(): Omit<SmallContent, 'body'> | null {
    return this.#written;
  }

  /** The file is to hold this, which is asked for when it is written. */
  put(content: Content): void {
    this.#wanted = content;
  }

  /** Resolves when the file holds what was put before. Rejects with what the disk says. */
  flush(): Promise<void> {
    const done = this.#busy.then(() => this.#write());
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async #write(): Promise<void> {
    const wanted = this.#wanted;
    if (wanted === null) return;
    const { body, ...content } = await wanted();
    const header = await sealHeaderOf(this.#keys, { ...this.#place, ...content }, body);
    await replaceFile(this.#path, [header, ...body]);
    this.#written = content;
    if (this.#wanted === wanted) this.#wanted = null;
  }
}
