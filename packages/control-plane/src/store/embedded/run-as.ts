import { execFile } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { SallyportError } from '@sallyport/shared/errors';
import type { Log } from '@sallyport/shared/log';

const run = promisify(execFile);

/** The account that the server runs under; null: that of this process. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const accountName = 'postgres';

/** PostgreSQL refuses to run as root, so root takes the account `postgres`, made where missing. */
export async function accountForServer(log: Log): Promise<Account | null> {
  if (process.getuid?.() !== 0) return null;
  const found = await lookUp();
  if (found !== null) return found;
  try {
    const flags = ['--system', '--user-group', '--no-create-home', '--shell', '/usr/sbin/nologin'];
    await run('useradd', [...flags, accountName]);
  } catch (cause) {
    const detail = `PostgreSQL does not run as root, and the account ${accountName} cannot be made`;
    throw new SallyportError('database_unavailable', detail, { cause });
  }
  log.info('postgres.account_made', { account: accountName });
  const made = await lookUp();
  if (made === null) throw new Error(`account ${accountName} was made and is not there`);
  return made;
}

async function lookUp(): Promise<Account | null> {
  try {
    const [uid, gid] = await Promise.all([
      run('id', ['-u', accountName]),
      run('id', ['-g', accountName]),
    ]);
    return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
  } catch {
    return null;
  }
}

/** The innermost folder on the way to `path` that the account may not pass, or null. */
export async function obstacle(path: string, account: Account): Promise<string | null> {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if (!(await mayPass(folder, account))) return folder;
    if (folder === dirname(folder)) return null;
  }
}

/** Whether the account may pass this one folder, by its mode. */
export async function mayPass(folder: string, account: Account): Promise<boolean> {
  const { mode, uid, gid } = await stat(folder);
  if (uid === account.uid) return (mode & 0o100) !== 0;
  if (gid === account.gid) return (mode & 0o010) !== 0;
  return (mode & 0o001) !== 0;
}
