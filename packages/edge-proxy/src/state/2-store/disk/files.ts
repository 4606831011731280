import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Puts a file in the place of the one before: whoever reads it, even after a power cut, finds the
 * old content or the new one. Only the owner may read it.
 */
export async function replaceFile(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const temporary = `${path}${temporaryEnd}`;
  await rm(temporary, { force: true });
  try {
    await writeNewFile(temporary, parts);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** The end of the name of a file that is not finished yet. */
export const temporaryEnd = '.tmp';

/** Writes a file that must not be there yet, down to the disk but for its name. */
export async function writeNewFile(path: string, parts: readonly Uint8Array[]): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    for (const part of parts) await writeAll(file, part);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function writeAll(file: Awaited<ReturnType<typeof open>>, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    done += (await file.write(bytes, done)).bytesWritten;
  }
}

/** Without this the names of new files may be lost in a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** A pipe that stands in the place of a file must not hold up the start, nor a link lead away. */
const readFlags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW;

/**
 * Reads files whole, one after the other, into the same memory: what it gave before is overwritten
 * by the next. For the start alone, when nothing else runs that it could hold up.
 */
export class FileReader {
  #memory = Buffer.alloc(0);

  /** null: there is no such file. Throws what the disk says, and for more than `bytesMax`. */
  read(path: string, bytesMax: number): Buffer | null {
    let file: number;
    try {
      file = openSync(path, readFlags);
    } catch (error) {
      if (isMissing(error)) return null;
      throw error;
    }
    try {
      const stat = fstatSync(file);
      const { size } = stat;
      if (!stat.isFile()) throw new TypeError('it is not a regular file');
      if (size > bytesMax) throw new RangeError(`${size} bytes, ${bytesMax} at the most`);
      if (size > this.#memory.length) this.#memory = Buffer.allocUnsafeSlow(size + (size >>> 2));
      let done = 0;
      while (done < size) {
        const got = readSync(file, this.#memory, done, size - done, null);
        if (got === 0) break;
        done += got;
      }
      return this.#memory.subarray(0, done);
    } finally {
      closeSync(file);
    }
  }
}

export function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}

/** The code of a failure of the disk, such as ENOSPC. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : 'UNKNOWN';
}
