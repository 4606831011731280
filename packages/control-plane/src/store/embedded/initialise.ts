import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SallyportError } from '@sallyport/shared/errors';
import { initdbOf } from './binaries.ts';
import type { Places } from './prepare.ts';
import type { Account } from './run-as.ts';

export const userName = 'sallyport';

/**
 * Makes the data folder if there is none. It appears whole or not at all, so that a start after a
 * crash never finds half of one.
 */
export async function initialise(places: Places, account: Account | null): Promise<void> {
  if (existsSync(places.data)) return;
  const fresh = `${places.data}.new`;
  const passwordFile = join(places.directory, 'password.new');
  try {
    await rm(fresh, { recursive: true, force: true });
    await mkdir(fresh, { mode: 0o700 });
    await writeFile(passwordFile, places.password, { mode: 0o600 });
    if (account !== null) {
      await chown(fresh, account.uid, account.gid);
      await chown(passwordFile, account.uid, account.gid);
    }
    await runInitdb(places, fresh, passwordFile, account);
    await rename(fresh, places.data);
  } finally {
    await rm(passwordFile, { force: true });
  }
}

async function runInitdb(
  places: Places,
  data: string,
  passwordFile: string,
  account: Account | null,
): Promise<void> {
  const options = [
    `--pgdata=${data}`,
    `--username=${userName}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    // Byte order everywhere: no order depends on the machine's locales.
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--locale=C',
    '--no-instructions',
  ];
  const child = spawn(initdbOf(places.installation), options, {
    ...(account ?? {}),
    cwd: data,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-4_000);
  });
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) {
    throw new SallyportError('database_unavailable', `initdb failed: ${said.trim()}`);
  }
}
