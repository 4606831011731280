import { chmod, lstat, mkdir, realpath, stat } from 'node:fs/promises';
import { dirname, sep } from 'node:path';
import { ExportFailure } from '../failure.ts';

const folderMode = 0o750;

/**
 * Makes the folder of a file. A configuration must not be able to write where the process can: only
 * below the folder of exports.
 */
export async function makeFolderOf(path: string, folder: string): Promise<void> {
  if (!path.startsWith(folder + sep)) {
    throw new ExportFailure('it is not below the folder of exports');
  }
  const parent = dirname(path);
  await makeFolders(folder);
  // Before any folder is made, too.
  let known = parent;
  while (!(await isThere(known))) known = dirname(known);
  await refuseOutside(known, folder);
  await makeFolders(parent);
  const real = await refuseOutside(parent, folder);
  if (!(await stat(real)).isDirectory()) throw new ExportFailure('its folder is not a folder');
}

/** With their mode whatever the umask takes from it, since a collector reads in them; those that were there stay as they are. */
async function makeFolders(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: folderMode });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await chmod(made, folderMode);
  }
}

/** Where the path leads, which is not out of the folder. */
async function refuseOutside(path: string, folder: string): Promise<string> {
  const [real, root] = await Promise.all([realpath(path), realpath(folder)]);
  if (real === root || real.startsWith(root + sep)) return real;
  throw new ExportFailure('a link leads out of the folder of exports');
}

/** A link that leads to nothing is there. */
async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
