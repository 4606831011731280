import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { parseDocuments } from '@sallyport/shared/configuration/parse';
import type { FieldProblem } from '@sallyport/shared/errors';

/** What documents of the stack may name as `${…}`. */
export interface Places {
  readonly 'upstream.url': string;
  readonly 'idp.issuer': string;
  readonly 'ca.pem': string;
}

export const demoConfiguration = join(import.meta.dirname, '..', 'config');

/** The configuration of a stack is not what it should be; the message says where. */
export class StackConfigurationError extends Error {
  override readonly name = 'StackConfigurationError';

  constructor(folder: string, problems: readonly FieldProblem[]) {
    const lines = problems.map(({ field, message }) => `  ${field}: ${message}`);
    super([`the configuration in ${folder} does not hold:`, ...lines].join('\n'));
  }
}

/**
 * Reads every .yaml, .yml and .json of a folder, in the order of their names, and fills in the
 * places. Throws StackConfigurationError with everything that is wrong.
 */
export async function readConfiguration(
  folder: string,
  places: Places,
): Promise<readonly ConfigurationDocument[]> {
  const names = (await namesIn(folder)).filter((name) => /\.(ya?ml|json)$/.test(name)).sort();
  const files = await Promise.all(
    names.map(async (name) => {
      const { text, problems } = fill(await readFile(join(folder, name), 'utf8'), name, places);
      return problems.length > 0 ? { documents: [], problems } : parseDocuments(text, name);
    }),
  );
  const problems = files.flatMap((file) => file.problems);
  if (names.length === 0) {
    problems.push({ field: folder, message: 'holds no .yaml, .yml or .json file' });
  }
  if (problems.length > 0) throw new StackConfigurationError(folder, problems);
  return files.flatMap((file) => file.documents);
}

/** What the folder holds. Throws StackConfigurationError when it cannot be read. */
export async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const message = code === 'ENOENT' ? 'there is no such folder' : `cannot be read (${code})`;
    throw new StackConfigurationError(folder, [{ field: '--config', message }]);
  }
}

/** A value goes in as a JSON string, which is YAML too, so nothing in it can break out. */
function fill(
  text: string,
  file: string,
  places: Places,
): { readonly text: string; readonly problems: FieldProblem[] } {
  const problems: FieldProblem[] = [];
  const filled = text.replace(/\$\{([^}]*)\}/g, (_, name: string, offset: number) => {
    if (Object.hasOwn(places, name)) return JSON.stringify(places[name as keyof Places]);
    const line = text.slice(0, offset).split('\n').length;
    const known = Object.keys(places).join(', ');
    problems.push({ field: `${file}:${line}`, message: `there is no ${name}, only ${known}` });
    return '';
  });
  return { text: filled, problems };
}
