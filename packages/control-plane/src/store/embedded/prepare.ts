import { randomBytes } from 'node:crypto';
import { chmod, cp, link, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';
import type { Installation } from './binaries.ts';
import { type Account, mayPass, obstacle } from './run-as.ts';

/** The files of one embedded server. */
export interface Places {
  readonly directory: string;
  /** PGDATA; not there before the first start. */
  readonly data: string;
  /** What the server prints, emptied at each start. */
  readonly log: string;
  /** Of the only user. */
  readonly password: string;
  readonly installation: Installation;
}

/**
 * Makes the folder of an embedded server, with a random password that only this process's account
 * can read. Where the server has an account of its own, what it needs is put within its reach.
 */
export async function prepare(
  directory: string,
  installation: Installation,
  account: Account | null,
  log: Log,
): Promise<Places> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const places: Places = {
    directory,
    data: join(directory, 'data'),
    log: join(directory, 'server.log'),
    password: await readPassword(join(directory, 'password')),
    installation,
  };
  if (account === null) return places;
  await openTheWay(directory, account, log);
  if ((await obstacle(installation, account)) === null) return places;
  const copy = join(directory, 'server');
  await copyInstallation(installation, copy);
  return { ...places, installation: copy };
}

async function readPassword(file: string): Promise<string> {
  const fresh = randomBytes(32).toString('base64url');
  try {
    await writeFile(file, fresh, { mode: 0o600, flag: 'wx' });
    return fresh;
  } catch {
    return (await readFile(file, 'utf8')).trim();
  }
}

/** Lets the account pass our own two folders; what lies above them is not ours to change. */
async function openTheWay(directory: string, account: Account, log: Log): Promise<void> {
  const home = dirname(directory);
  // Looked at before anything is opened: a start that fails must not have opened folders.
  const blocked = await obstacle(dirname(home), account);
  if (blocked !== null) {
    throw new SallyportError(
      'database_unavailable',
      `the database's account cannot reach ${directory}, because ${blocked} is closed to it; ` +
        'put SALLYPORT_HOME elsewhere, run as another user than root, or set DATABASE_URL',
    );
  }
  for (const folder of [directory, home]) {
    if (await mayPass(folder, account)) continue;
    await chmod(folder, 0o711);
    log.info('postgres.folder_opened', { folder, mode: '0711' });
  }
}

/** Hard links where the file system has them, copies elsewhere; static libraries are left out. */
export async function copyInstallation(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true, mode: 0o755 });
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) await copyInstallation(source, target);
    else if (!entry.name.endsWith('.a')) await linkOrCopy(source, target);
  }
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  try {
    await link(source, target);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    await cp(source, target);
  }
}
