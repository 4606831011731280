import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';

const scripts = join(import.meta.dirname, '../../../../infra/backup');
const url =
  'postgresql://sally:p%40ss%2Fword@db.corp.example:6432/sally%20port?sslmode=verify-full';
let scratch: string;

/** Tools of PostgreSQL that write down what they were given. */
beforeEach(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'sallyport-backup-'));
  await mkdir(join(scratch, 'bin'));
  const stub = `#!/bin/sh
printf '%s\\n' "$@" >"$STUB_OUT.args"
env >"$STUB_OUT.env"
for one in "$@"; do
  case $one in --file=*) printf dump >"\${one#--file=}" ;; esac
done
`;
  for (const tool of ['pg_dump', 'pg_restore']) {
    await writeFile(join(scratch, 'bin', tool), stub);
    await chmod(join(scratch, 'bin', tool), 0o755);
  }
  const home = join(scratch, 'home');
  await mkdir(home);
  for (const file of ['key-file', 'root.pub.pem']) await writeFile(join(home, file), file);
});
afterEach(() => rm(scratch, { recursive: true, force: true }));

async function runScript(name: string, args: readonly string[], databaseUrl = url) {
  const out = join(scratch, name);
  const env = {
    PATH: `${join(scratch, 'bin')}:${dirname(process.execPath)}:/usr/bin:/bin`,
    DATABASE_URL: databaseUrl,
    STUB_OUT: out,
  };
  await promisify(execFile)(join(scripts, name), [...args], { env });
  const [given, environment] = [
    await readFile(`${out}.args`, 'utf8'),
    await readFile(`${out}.env`, 'utf8'),
  ];
  return { given, environment: environment.split('\n') };
}

const expected = [
  'PGHOST=db.corp.example',
  'PGPORT=6432',
  'PGUSER=sally',
  'PGPASSWORD=p@ss/word',
  'PGDATABASE=sally port',
  'PGSSLMODE=verify-full',
];

test('a backup and a restore give the password of the database to their tools in no argument', async () => {
  const target = join(scratch, 'backups');
  const dump = await runScript('backup.sh', [join(scratch, 'home'), target]);
  expect(dump.given).toContain('--format=custom');
  expect(dump.environment).toEqual(expect.arrayContaining(expected));
  const [made = ''] = await readdir(target);
  const restored = await runScript('restore.sh', [
    join(target, made),
    join(scratch, 'new-home'),
    'the disk failed',
  ]);
  expect(restored.given).toContain(`--dbname=dbname='sally port'\n`);
  expect(restored.environment).toEqual(expect.arrayContaining(expected));
  for (const { given, environment } of [dump, restored]) {
    expect(given).not.toMatch(/p@ss|p%40ss|postgresql:/);
    expect(environment.join('\n')).not.toContain('DATABASE_URL');
  }
});

test('a backup fails, without saying the URL, where it cannot be read or asks for what is not known', async () => {
  const args = [join(scratch, 'home'), join(scratch, 'backups')];
  for (const bad of ['p@ss', 'https://a:p@ss@b/c', `${url}&requirepeer=postgres`]) {
    const failed: unknown = await runScript('backup.sh', args, bad).catch((e: unknown) => e);
    expect(failed).toMatchObject({ stderr: expect.stringContaining('DATABASE_URL') });
    expect((failed as { stderr: string }).stderr).not.toMatch(/p@ss|p%40ss/);
  }
  expect(await readdir(join(scratch, 'backups'))).toEqual([]);
});
