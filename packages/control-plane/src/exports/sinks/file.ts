import { constants, type Stats } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ExportFailure, failureWords } from '../failure.ts';
import { lineJson } from '../json.ts';
import { makeFolderOf } from './folder.ts';
import { rotate, syncFolder } from './rotation.ts';
import type { Sink } from './sink.ts';

export interface FileSinkOptions {
  readonly path: string;
  /** The folder that exports may write below, whatever the configuration says. */
  readonly folder: string;
  readonly bytesMax: number;
  /** Full files that are kept. */
  readonly keep: number;
}

const mode = 0o640;
const batchMax = 500;
const tailBytes = 65_536;

/**
 * JSON lines, appended. A batch is on the disk (fsync) before its place is noted, so what a crash
 * cuts off is written again; and what is after the last line break is cut off before anything is
 * added, so no torn line is ever continued.
 */
export function createFileSink(options: FileSinkOptions): Sink {
  return {
    batchMax,
    async send(rows) {
      const lines = rows.map((row) => Buffer.from(`${lineJson(row.value)}\n`, 'utf8'));
      try {
        await makeFolderOf(options.path, options.folder);
        for (const part of parts(lines, options.bytesMax)) await append(options, part);
      } catch (error) {
        throw new ExportFailure(`the file cannot be written: ${failureWords(error)}`, {
          cause: error,
        });
      }
      return { rejected: 0 };
    },
    close: () => Promise.resolve(),
  };
}

/** Whole lines, in parts that fit into a file; a line that is longer is a part of its own. */
function* parts(lines: readonly Buffer[], bytesMax: number): Generator<Buffer> {
  let part: Buffer[] = [];
  let bytes = 0;
  for (const line of lines) {
    if (bytes > 0 && bytes + line.length > bytesMax) {
      yield Buffer.concat(part);
      part = [];
      bytes = 0;
    }
    part.push(line);
    bytes += line.length;
  }
  if (bytes > 0) yield Buffer.concat(part);
}

async function append(options: FileSinkOptions, part: Buffer): Promise<void> {
  const size = await appendTo(options.path, part, options.bytesMax);
  if (size !== null) return;
  await rotate(options.path, options.keep);
  await appendTo(options.path, part, Number.POSITIVE_INFINITY);
}

/** Adds whole lines and gives the size then; null: the file is too full for them. */
async function appendTo(path: string, part: Buffer, bytesMax: number): Promise<number | null> {
  const file = await openRegular(path);
  try {
    const size = await cutTornLine(file);
    if (size > 0 && size + part.length > bytesMax) return null;
    try {
      await file.appendFile(part);
      await file.datasync();
    } catch (error) {
      // A disk that is full takes the beginning of a part.
      await cutTornLine(file).catch(() => undefined);
      throw error;
    }
    if (size === 0) await syncFolder(dirname(path));
    return size + part.length;
  } finally {
    await file.close();
  }
}

/** Never a link, and nothing that could block: a pipe without a reader fails to open. */
async function openRegular(path: string): Promise<FileHandle> {
  const { O_RDWR, O_APPEND, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await open(path, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK, mode);
  try {
    const { size, uid } = await file.stat().then(regular);
    // A new one: the umask takes what its group, a collector, needs.
    if (size === 0 && uid === process.getuid?.()) await file.chmod(mode);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

function regular(found: Stats): Stats {
  if (found.isFile()) return found;
  throw new ExportFailure('it is not a regular file');
}

/** Cuts off what is after the last line break, and gives the size then. */
async function cutTornLine(file: FileHandle): Promise<number> {
  const { size } = await file.stat();
  let end = size;
  while (end > 0) {
    const start = Math.max(0, end - (end === size ? 1 : tailBytes));
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(end - start),
      position: start,
    });
    const at = buffer.subarray(0, bytesRead).lastIndexOf(0x0a);
    end = at === -1 ? start : start + at + 1;
    if (at !== -1) break;
  }
  if (end < size) await file.truncate(end);
  return end;
}
