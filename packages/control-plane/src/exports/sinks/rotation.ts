import { access, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/**
 * Moves a full file out of the way: `path` becomes `path.1`, `path.1` becomes `path.2` and so on, and
 * the oldest beyond `keep` goes. From the oldest on, so that a crash in between leaves a hole and
 * loses nothing; a hole is filled before anything is removed.
 */
export async function rotate(path: string, keep: number): Promise<void> {
  let free = 1;
  while (free <= keep && (await exists(`${path}.${free}`))) free += 1;
  if (free > keep) {
    free = keep;
    await rm(`${path}.${keep}`, { force: true });
  }
  for (let number = free; number > 1; number -= 1) {
    await rename(`${path}.${number - 1}`, `${path}.${number}`);
  }
  await rename(path, `${path}.1`);
  await syncFolder(dirname(path));
}

/** Names in a folder are on the disk when the folder is. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
