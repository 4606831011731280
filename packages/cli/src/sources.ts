import { readdir, readFile, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Terminal } from './call.ts';
import { errorCode } from './client/settings.ts';
import { Failure } from './exit.ts';

/** One file of documents, or standard input. */
export interface Source {
  readonly name: string;
  readonly text: string;
}

const filesMax = 2_000;
const bytesMax = 4 * 1024 * 1024;
const documentFile = /\.(ya?ml|json)$/;

/**
 * Reads files, folders (every .yaml, .yml and .json below, sorted by name, hidden ones left out)
 * and `-` for standard input, in the order given.
 */
export async function readSources(
  places: readonly string[],
  terminal: Pick<Terminal, 'stdin'>,
): Promise<readonly Source[]> {
  const names: string[] = [];
  for (const place of places) names.push(...(place === '-' ? ['-'] : await filesOf(place)));
  // A file may be given by itself and by its folder.
  const distinct = [...new Map(names.map((name) => [resolve(name), name])).values()];
  if (distinct.length > filesMax) throw new Failure('invalid', `more than ${filesMax} files`);
  const sources: Source[] = [];
  let bytes = 0;
  for (const name of distinct) {
    const content = name === '-' ? await readStdin(terminal.stdin, bytesMax) : await read(name);
    bytes += content.length;
    if (bytes > bytesMax) throw new Failure('invalid', `the documents are over ${bytesMax} bytes`);
    sources.push({ name: name === '-' ? '<stdin>' : name, text: decode(content, name) });
  }
  return sources;
}

async function filesOf(place: string): Promise<readonly string[]> {
  try {
    if (!(await stat(place)).isDirectory()) return [place];
    const entries = await readdir(place, { recursive: true, withFileTypes: true });
    const files = entries
      .filter((entry) => entry.isFile() && documentFile.test(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .filter(
        (file) =>
          !file
            .slice(place.length)
            .split(/[\\/]/)
            .some((part) => part.startsWith('.')),
      );
    if (files.length === 0) {
      throw new Failure('invalid', `${place} holds no .yaml, .yml or .json file`);
    }
    return files.sort();
  } catch (error) {
    throw unreadable(place, error);
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    if ((await stat(file)).size > bytesMax) {
      throw new Failure('invalid', `${file} is over ${bytesMax} bytes`);
    }
    return await readFile(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** One file as text. */
export async function readTextFile(file: string): Promise<string> {
  return decode(await read(file), file);
}

function unreadable(place: string, error: unknown): Failure {
  if (error instanceof Failure) return error;
  return new Failure('invalid', `${place} cannot be read (${errorCode(error)})`, { cause: error });
}

/** All of standard input, refused when it is longer than `max` bytes. */
export async function readStdin(stdin: AsyncIterable<Uint8Array>, max: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stdin) {
    bytes += chunk.length;
    if (bytes > max) throw new Failure('invalid', `standard input is over ${max} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

const lineBytesMax = 1_024;

/** The first line that a person types, or all there is before the end; not more than a line. */
export async function readLine(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += decode(chunk, 'standard input');
    if (text.includes('\n') || text.length > lineBytesMax) break;
  }
  return (text.split('\n')[0] ?? '').trim();
}

/** UTF-8 as text; anything else is refused, never replaced. */
export function decode(content: Uint8Array, name: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch (error) {
    throw new Failure('invalid', `${name} is not UTF-8 text`, { cause: error });
  }
}
