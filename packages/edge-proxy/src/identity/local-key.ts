import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { newKeyFileText, readKeyFile, type SealKey } from '@sallyport/shared/seal';
import { writeFileAtomically } from './atomic-file.ts';

/** The key of this machine, under which an edge keeps what it must not show; made at first use. */
export async function localKey(home: string): Promise<SealKey> {
  const path = join(home, 'local.key');
  try {
    await readFile(path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await mkdir(home, { recursive: true, mode: 0o700 });
    await writeFileAtomically(path, newKeyFileText());
  }
  return readKeyFile(path);
}
