import { mkdir, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { testLog } from '../../testing/database.ts';
import { findInstallation, postgresOf } from './binaries.ts';
import { copyInstallation, prepare } from './prepare.ts';
import { accountForServer, obstacle } from './run-as.ts';
import { startEmbeddedPostgres } from './server.ts';

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sallyport-embedded-'));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function query(url: string, statement: string): Promise<unknown> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<Record<string, unknown>>(statement);
  await client.end();
  return rows[0] === undefined ? null : Object.values(rows[0])[0];
}

test('it keeps what was committed, with one password for good that only we can read', async () => {
  const options = { directory: join(directory, 'kept'), log: testLog, durable: false };
  const first = await startEmbeddedPostgres(options);
  await query(first.url, 'create table kept as select 7 as seven');
  expect(await query(first.url, 'show server_version')).toMatch(/^18\./);
  expect(await query(first.url, 'show listen_addresses')).toBe('127.0.0.1');
  expect(
    await query(
      first.url,
      `select datcollate || datlocprovider::text from pg_database where datname = current_database()`,
    ),
  ).toBe('Cb');
  const wrong = new URL(first.url);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'select 1')).rejects.toMatchObject({ code: '28P01' });
  const { mode } = await stat(join(options.directory, 'password'));
  expect(mode & 0o777).toBe(0o600);
  await first.stop();
  const second = await startEmbeddedPostgres(options);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
  expect(await query(second.url, 'select seven from kept')).toBe(7);
  await second.stop();
  await second.stop();
});

test('what was acknowledged is on disk unless a test says otherwise', async () => {
  const server = await startEmbeddedPostgres({
    directory: join(directory, 'durable'),
    log: testLog,
  });
  expect(await query(server.url, 'show fsync')).toBe('on');
  expect(await query(server.url, 'show full_page_writes')).toBe('on');
  expect(await query(server.url, 'show synchronous_commit')).toBe('on');
  await server.stop();
});

describe.runIf(process.getuid?.() === 0)('for root', () => {
  test('the server has an account of its own', async () => {
    const account = await accountForServer(testLog);
    expect(account?.uid).toBeGreaterThan(0);
    const server = await startEmbeddedPostgres({
      directory: join(directory, 'account'),
      log: testLog,
      durable: false,
    });
    expect((await stat(`/proc/${server.pid}`)).uid).toBe(account?.uid);
    await server.stop();
  });

  test('binaries that the account cannot reach are put within its reach', async () => {
    const account = await accountForServer(testLog);
    if (account === null) throw new Error('no account');
    // The folder of mkdtemp is closed to others, as a checkout in a home folder is.
    const closed = await mkdtemp(join(tmpdir(), 'sallyport-closed-'));
    await copyInstallation(findInstallation(), join(closed, 'native'));
    expect(await obstacle(join(closed, 'native'), account)).toBe(closed);
    const places = await prepare(
      join(directory, 'reach'),
      join(closed, 'native'),
      account,
      testLog,
    );
    expect(places.installation).toBe(join(directory, 'reach', 'server'));
    expect(await obstacle(postgresOf(places.installation), account)).toBeNull();
    await rm(closed, { recursive: true, force: true });
  });

  test('a data folder below a closed one that is not ours is refused in plain words', async () => {
    const closed = await mkdtemp(join(tmpdir(), 'sallyport-closed-'));
    const home = join(closed, 'home');
    await mkdir(home, { mode: 0o755 });
    const start = startEmbeddedPostgres({ directory: join(home, 'postgres'), log: testLog });
    await expect(start).rejects.toThrow(`because ${closed} is closed to it`);
    // Nothing was opened for a start that cannot work.
    expect((await stat(join(home, 'postgres'))).mode & 0o777).toBe(0o700);
    await rm(closed, { recursive: true, force: true });
  });
});
