import { constants } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { userName } from './initialise.ts';

/**
 * Copies the cluster of an embedded server, while it runs, by PostgreSQL's low-level backup API
 * (documentation, "Making a Base Backup Using the Low Level API"): the package has no pg_basebackup,
 * and a stop for the length of the copy would be a stop of the control plane. What is copied is not
 * of one instant; the log from the beginning of the copy to its end, which is copied last and held
 * back for us meanwhile, makes it so when the copy is recovered.
 */
export async function backUpCluster(directory: string, target: string): Promise<void> {
  const data = join(directory, 'data');
  const port = await portOf(data);
  await mkdir(target, { mode: 0o700 });
  // A cluster that nobody runs is of one instant, log and all.
  if (port === null) return copyFolder(data, target, () => true);
  const password = (await readFile(join(directory, 'password'), 'utf8')).trim();
  const client = new pg.Client({
    host: '127.0.0.1',
    port,
    user: userName,
    password,
    database: 'postgres',
    application_name: 'sallyport-backup',
  });
  client.on('error', () => undefined);
  await client.connect();
  try {
    // Held until this session ends, in whatever way.
    await client.query(
      `select pg_create_physical_replication_slot('sallyport_backup', true, true)`,
    );
    const first = await oneText(
      client,
      `select pg_walfile_name(pg_backup_start('sallyport', fast => true)) as value`,
    );
    await copyFolder(data, target, isOfTheCluster);
    const { rows } = await client.query<{ last: string; labelfile: string }>(
      `select pg_walfile_name(lsn) as last, labelfile from pg_backup_stop(wait_for_archive => false)`,
    );
    const [stopped] = rows;
    if (stopped === undefined) throw new Error('the backup did not end');
    await writeFile(join(target, 'backup_label'), stopped.labelfile, { mode: 0o600 });
    await copyLog(data, target, first, stopped.last);
  } finally {
    await client.end();
  }
}

/** What the server makes anew at each start, or must not find in a copy. */
const emptied = new Set([
  'pg_wal',
  'pg_replslot',
  'pg_dynshmem',
  'pg_notify',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
]);

function isOfTheCluster(folder: string, name: string): boolean {
  if (emptied.has(folder)) return false;
  if (name.startsWith('pgsql_tmp') || name.startsWith('pg_internal.init')) return false;
  return name !== 'postmaster.pid' && name !== 'postmaster.opts';
}

/** `wanted` is asked with the folder below the cluster's own, and the name in it. */
async function copyFolder(
  from: string,
  to: string,
  wanted: (folder: string, name: string) => boolean,
  below = '',
): Promise<void> {
  for (const entry of await readdir(join(from, below), { withFileTypes: true })) {
    if (!wanted(below, entry.name)) continue;
    const path = join(below, entry.name);
    if (entry.isDirectory()) {
      await mkdir(join(to, path), { mode: 0o700 });
      await copyFolder(from, to, wanted, path);
    } else if (entry.isFile()) await copyIfThere(join(from, path), join(to, path));
  }
}

/** A table may be dropped meanwhile; the log says so, too. */
async function copyIfThere(from: string, to: string): Promise<void> {
  try {
    await copyFile(from, to, constants.COPYFILE_EXCL);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
  }
}

/** The log's files from the first to the last that the copy needs, and what names timelines. */
async function copyLog(data: string, target: string, first: string, last: string): Promise<void> {
  const names = await readdir(join(data, 'pg_wal'));
  const needed = names.filter(
    (name) =>
      name.endsWith('.history') || (/^[0-9A-F]{24}$/.test(name) && name >= first && name <= last),
  );
  if (!needed.includes(first) || !needed.includes(last)) {
    throw new Error('the log does not reach back to the beginning of the copy');
  }
  for (const name of needed) {
    const path = join('pg_wal', name);
    await copyFile(join(data, path), join(target, path), constants.COPYFILE_EXCL);
  }
}

/** The port of the server that runs on this cluster; null: none does. */
async function portOf(data: string): Promise<number | null> {
  let lines: string[];
  try {
    lines = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const [pid, , , port] = lines;
  if (!isRunning(Number(pid))) return null;
  return Number(port);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function oneText(client: pg.Client, text: string): Promise<string> {
  const { rows } = await client.query<{ value: string }>(text);
  const [row] = rows;
  if (row === undefined) throw new Error('the server gave no answer');
  return row.value;
}
