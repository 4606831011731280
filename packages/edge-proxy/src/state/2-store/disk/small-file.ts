import type { Position } from '@sallyport/shared/state/model';
import type { DiskKeys } from './disk-keys.ts';
import { type FilePlace, sealHeader } from './file-format.ts';
import { replaceFile } from './files.ts';

/** What a file is to hold. */
export interface SmallContent {
  readonly position: Position;
  readonly sequence: number;
  readonly body: Uint8Array;
}

/** A file that is written as a whole each time; what comes while it is written is written after. */
export class SmallFile {
  readonly #path: string;
  readonly #place: FilePlace;
  readonly #keys: DiskKeys;
  #wanted: (() => SmallContent) | null = null;
  #busy: Promise<void> = Promise.resolve();
  #written: SmallContent | null = null;

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
  get written(): SmallContent | null {
    return this.#written;
  }

  /** The file is to hold this, which is asked for when it is written. */
  put(content: () => SmallContent): void {
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
    const content = wanted();
    const header = sealHeader(this.#keys, { ...this.#place, ...content }, content.body);
    await replaceFile(this.#path, [header, content.body]);
    this.#written = content;
    if (this.#wanted === wanted) this.#wanted = null;
  }
}
