import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { developmentFolder } from './paths.ts';

const prefix = 'stack-';
const ownerFile = 'owner';

/** Makes the folder of a new stack, and removes those that killed stacks left behind. */
export async function createFolder(
  keep: boolean,
  parent: string = developmentFolder,
): Promise<{ readonly dir: string; readonly logs: string }> {
  await mkdir(parent, { recursive: true });
  await sweep(parent);
  const dir = await mkdtemp(join(parent, prefix));
  const logs = join(dir, 'logs');
  // PostgreSQL runs as another account when we are root, and has to get through.
  await Promise.all([chmod(dir, 0o711), mkdir(logs)]);
  if (!keep) await writeFile(join(dir, ownerFile), String(process.pid));
  return { dir, logs };
}

/** A folder without an owner was kept on purpose, or is this moment being made. */
async function sweep(parent: string): Promise<void> {
  const names = (await readdir(parent)).filter((name) => name.startsWith(prefix));
  await Promise.all(
    names.map(async (name) => {
      const owner = Number(await readFile(join(parent, name, ownerFile), 'utf8').catch(() => ''));
      if (owner > 0 && !isThere(owner)) {
        await rm(join(parent, name), { recursive: true, force: true }).catch(() => {});
      }
    }),
  );
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
