import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { DiskKeys } from './disk-keys.ts';
import { syncDirectory } from './files.ts';
import { type Marks, marksCopiesAt, raiseMarks, sealMarks } from './marks.ts';

/** The marks as they are on disk. They only rise. */
export class MarksFile {
  readonly #path: string;
  readonly #keys: DiskKeys;
  #file: FileHandle | null = null;
  #marks: Marks;
  #busy: Promise<void> = Promise.resolve();

  constructor(path: string, keys: DiskKeys, marks: Marks) {
    this.#path = path;
    this.#keys = keys;
    this.#marks = marks;
  }

  /** What is on disk. */
  get marks(): Marks {
    return this.#marks;
  }

  /** Raises the marks and writes them, down to the disk. Rejects with what the disk says. */
  raise(by: Omit<Marks, 'sequence'>): Promise<void> {
    // One after the other: each goes on from what the one before has written.
    const done = this.#busy.then(() => this.#raise(by));
    this.#busy = done.catch(() => undefined);
    return done;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    await file?.close();
  }

  async #raise(by: Omit<Marks, 'sequence'>): Promise<void> {
    const raised = raiseMarks(this.#marks, by);
    const file = await this.#open();
    try {
      for (const [copy, at] of marksCopiesAt.entries()) {
        const bytes = sealMarks(this.#keys, raised, copy);
        for (let done = 0; done < bytes.length; ) {
          const { bytesWritten } = await file.write(bytes, done, bytes.length - done, at + done);
          done += bytesWritten;
        }
        await file.datasync();
      }
    } catch (error) {
      await this.close().catch(() => undefined);
      throw error;
    }
    this.#marks = raised;
  }

  async #open(): Promise<FileHandle> {
    if (this.#file !== null) return this.#file;
    // Neither cut short nor appended to.
    const file = await open(this.#path, constants.O_RDWR | constants.O_CREAT, 0o600);
    try {
      await syncDirectory(dirname(this.#path));
    } catch (error) {
      await file.close();
      throw error;
    }
    this.#file = file;
    return file;
  }
}
