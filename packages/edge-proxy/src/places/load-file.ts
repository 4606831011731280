import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { checkMmdb } from './check-mmdb.ts';
import type { LoadedFile, PlaceKind, Refused } from './place-file.ts';

/** Larger than any file of places that is sold. */
const bytesMax = 1_024 * 2 ** 20;
const chunkBytes = 4 * 2 ** 20;

/**
 * Reads a file into memory that threads can share, and checks it whole. Blocks: it runs in a thread of
 * its own (load-thread.ts).
 */
export function loadFile(path: string, kind: PlaceKind): LoadedFile {
  const read = readShared(path);
  if ('code' in read) return read;
  const sound = checkMmdb(Buffer.from(read), kind);
  if (!sound.ok) return sound;
  const { builtAtMs, databaseType } = sound.metadata;
  return { ok: true, bytes: read, builtAtMs, databaseType: databaseType.slice(0, 100) };
}

function readShared(path: string): SharedArrayBuffer | Refused {
  let fd: number | null = null;
  try {
    // A pipe in its place would otherwise be waited for.
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const before = fstatSync(fd);
    if (!before.isFile()) return refused('unreadable', 'it is no file');
    if (before.size > bytesMax) return refused('too_large', `it has ${before.size} bytes`);
    const bytes = new SharedArrayBuffer(before.size);
    const got = readAll(fd, Buffer.from(bytes));
    const after = fstatSync(fd);
    const still = got === before.size && isSame(before, after);
    return still ? bytes : refused('changing', 'it changed while it was read');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown';
    if (error instanceof RangeError) return refused('too_large', 'there is no memory for it');
    return refused(code === 'ENOENT' ? 'missing' : 'unreadable', code);
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** How many bytes there were. */
function readAll(fd: number, into: Buffer): number {
  let at = 0;
  while (at < into.length) {
    const got = readSync(fd, into, at, Math.min(chunkBytes, into.length - at), at);
    if (got === 0) break;
    at += got;
  }
  return at;
}

function isSame(before: Stats, after: Stats): boolean {
  return before.size === after.size && before.mtimeMs === after.mtimeMs;
}

function refused(code: Refused['code'], detail: string): Refused {
  return { ok: false, code, detail };
}
