import { execFile } from 'node:child_process';
import {
  access,
  chmod,
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { systemClock } from '@sallyport/shared/clock';
import { createInstallation } from '@sallyport/shared/init/installation';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readConfig } from '../../config.ts';
import { type ControlPlane, startControlPlane } from '../../control-plane.ts';
import type { Json } from '../../testing/admin.ts';
import { testLog } from '../../testing/database.ts';
import { openDatabase, transaction } from '../database.ts';
import { openLogConnection } from '../log-connection.ts';
import { startEmbeddedPostgres } from './server.ts';

const root = new URL('../../../../../', import.meta.url);
const script = (name: string): string => fileURLToPath(new URL(`infra/backup/${name}.sh`, root));
const run = promisify(execFile);

/** Several starts of a database each. */
const slow = 120_000;

const folders: string[] = [];
afterAll(async () => {
  for (const plane of running) await plane.stop();
  for (const folder of folders) {
    await rm(folder, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
  }
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'sallyport-backup-'));
  folders.push(made);
  return made;
}

const environment = (more: Record<string, string>): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  SALLYPORT_NODE: process.execPath,
  ...more,
});

interface Running {
  readonly plane: ControlPlane;
  readonly home: string;
}

const running: ControlPlane[] = [];

async function start(home: string): Promise<Running> {
  const config = readConfig({
    SALLYPORT_HOME: home,
    SALLYPORT_ADMIN_LISTEN: '127.0.0.1:0',
    SALLYPORT_GRPC_LISTEN: '127.0.0.1:0',
    SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
  });
  const plane = await startControlPlane(config, systemClock, testLog);
  running.push(plane);
  return { plane, home };
}

async function stop({ plane }: Running): Promise<void> {
  running.splice(running.indexOf(plane), 1);
  await plane.stop();
}

async function send(
  { plane: { admin }, home }: Running,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
) {
  const agent = new Agent({ connect: { ca: await readFile(join(home, 'ca/admin.pem'), 'utf8') } });
  try {
    const token = (await readFile(join(home, 'owner-token'), 'utf8')).trim();
    const answer = await agent.request({
      origin: admin,
      method,
      path,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: body === undefined ? null : JSON.stringify(body),
    });
    expect([path, answer.statusCode]).toEqual([path, method === 'GET' ? 200 : 201]);
    return (await answer.body.json()) as Json;
  } finally {
    await agent.destroy();
  }
}

const addUser = (plane: Running, email: string) => send(plane, 'POST', '/v1/users', { email });
const emails = async (plane: Running): Promise<string[]> =>
  (await send(plane, 'GET', '/v1/users?limit=200')).items.map((user: Json) => user.email as string);
const epochOf = async (plane: Running): Promise<number> =>
  (
    await send(plane, 'POST', '/v1/revocations', {
      target: { kind: 'everyone' },
      reason: 'to see the epoch',
    })
  ).position.epoch as number;

let home: string;
let backup: string;
let epoch: number;
beforeAll(async () => {
  home = await folder();
  const { files } = await createInstallation({ trustDomain: 'corp.test', nowMs: Date.now() });
  for (const { path, contents, mode } of files) {
    await mkdir(dirname(join(home, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(home, path), contents, { mode });
  }
  const plane = await start(home);
  await addUser(plane, 'before@corp.test');
  epoch = await epochOf(plane);
  const target = join(await folder(), 'backups');
  const writing = new AbortController();
  // Others go on writing while the copy is made.
  const writers = (async () => {
    for (let n = 0; n < 150 && !writing.signal.aborted; n += 1) {
      await addUser(plane, `${n}@corp.test`);
    }
  })();
  const { stdout } = await run(script('backup'), [home, target], { env: environment({}) });
  writing.abort();
  await writers;
  backup = stdout.trim();
  await addUser(plane, 'after@corp.test');
  await stop(plane);
}, slow);

test(
  'a backup that was made while others wrote restores to what was there, in a new epoch, by itself',
  async () => {
    const restored = await folder();
    await run(script('restore'), [backup, restored, 'the disk failed'], { env: environment({}) });
    const plane = await start(restored);
    const found = await emails(plane);
    expect(found).toContain('before@corp.test');
    expect(found).not.toContain('after@corp.test');
    expect(await epochOf(plane)).toBeGreaterThan(epoch);
    const audit = await send(plane, 'GET', '/v1/audit?limit=200');
    const reasons = audit.items.flatMap((row: Json) => row.detail.reason ?? []);
    expect(reasons).toContain('the disk failed');
    // The server is on another timeline, which is no second reason.
    expect(reasons.join()).not.toContain('timeline');
    const raised = audit.items.filter(({ resource }: Json) => resource === 'epoch');
    expect(raised).toHaveLength(1);
    expect(await readdir(restored)).not.toContain('restored');
    const keys = await send(plane, 'GET', '/v1/keys');
    expect(keys.items).toHaveLength(11);
    await addUser(plane, 'later@corp.test');
    // It is an installation like any other: it starts again, and the epoch stays.
    const epochNow = await epochOf(plane);
    await stop(plane);
    const again = await start(restored);
    expect(await epochOf(again)).toBe(epochNow);
    expect(await emails(again)).toContain('later@corp.test');
    await stop(again);
  },
  slow,
);

test(
  'a backup has the keys, which can be kept apart, and never the root key',
  async () => {
    const { stdout } = await run('tar', ['-tf', join(backup, 'keys.tar')]);
    const names = stdout.split('\n');
    for (const name of ['key-file', 'root.pub.pem', 'ca/edge.pem', 'postgres/password']) {
      expect(names).toContain(name);
    }
    expect(stdout).not.toContain('root.key');
    expect((await stat(backup)).mode & 0o077).toBe(0);
    const [target, apart] = [await folder(), await folder()];
    const env = environment({ SALLYPORT_BACKUP_KEYS: apart });
    // The server is not running: its files are copied as they are.
    const cold = (await run(script('backup'), [home, target], { env })).stdout.trim();
    expect(await readdir(cold)).not.toContain('keys.tar');
    const restored = await folder();
    const restore = (more: Record<string, string>, to: string) =>
      run(script('restore'), [cold, to, 'a test'], { env: environment(more) });
    // It says what is missing, and where that is looked for.
    await expect(restore({}, restored)).rejects.toMatchObject({
      stderr: expect.stringContaining('SALLYPORT_BACKUP_KEYS names where they are'),
    });
    const elsewhere = { SALLYPORT_BACKUP_KEYS: await folder() };
    await expect(restore(elsewhere, restored)).rejects.toMatchObject({
      stderr: expect.stringContaining(elsewhere.SALLYPORT_BACKUP_KEYS),
    });
    // The same folder as for the backup, or the file.
    await restore(env, restored);
    const [keys = ''] = await readdir(apart);
    await restore({ SALLYPORT_BACKUP_KEYS: join(apart, keys) }, await folder());
    const plane = await start(restored);
    expect(await emails(plane)).toContain('after@corp.test');
    await stop(plane);
  },
  slow,
);

test('a backup that is not whole, and a home that is not empty, are refused', async () => {
  const broken = join(await folder(), 'broken');
  await cp(backup, broken, { recursive: true });
  const refused = async (from: string, to: string): Promise<string> => {
    const failed = await run(script('restore'), [from, to, 'a test'], {
      env: environment({}),
    }).then(
      () => 'restored',
      (error: { stdout: string; stderr: string }) => error.stdout + error.stderr,
    );
    expect(await readdir(to)).not.toContain('restored');
    return failed;
  };
  const file = join(broken, 'database', 'PG_VERSION');
  await writeFile(file, '17\n');
  const target = await folder();
  expect(await refused(broken, target)).toMatch(/PG_VERSION/);
  await cp(join(backup, 'database', 'PG_VERSION'), file);
  await chmod(join(broken, 'keys.tar'), 0o600);
  await writeFile(join(broken, 'keys.tar'), 'x');
  expect(await refused(broken, target)).toMatch(/keys\.tar/);
  expect(await readdir(target)).toEqual([]);
  await writeFile(join(target, 'mine'), 'x');
  expect(await refused(backup, target)).toMatch(/not empty/);
  await access(join(target, 'mine'));
});

test(
  'a standby is refused: it may not have what was acknowledged (fault F3)',
  async () => {
    const restored = await folder();
    await run(script('restore'), [backup, restored, 'a test'], { env: environment({}) });
    const directory = join(restored, 'postgres');
    // Recovers for ever, and waits for more of the log.
    await rename(
      join(directory, 'data', 'recovery.signal'),
      join(directory, 'data', 'standby.signal'),
    );
    const server = await startEmbeddedPostgres({ directory, log: testLog });
    const database = openDatabase(server.url, testLog);
    try {
      const open = openLogConnection(database, ['revoke'], noop, noop);
      await expect(open).rejects.toMatchObject({ code: 'database_read_only' });
      const write = transaction(database.urgent, async (db) => db.execute('delete from leases'));
      await expect(write).rejects.toMatchObject({ code: 'database_read_only' });
    } finally {
      await database.close();
      await server.stop();
    }
  },
  slow,
);

function noop(): void {
  // Nothing to hear.
}
