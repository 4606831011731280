import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createInstallation } from '@sallyport/shared/init/installation';
import { ticketsSent } from '@sallyport/shared/testing/tickets';
import { Agent } from 'undici';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from './store/embedded/free-port.ts';

const main = fileURLToPath(new URL('./main.ts', import.meta.url));

let home: string;
const started: ChildProcess[] = [];
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-main-'));
  const { files } = await createInstallation({ trustDomain: 'corp.test', nowMs: Date.now() });
  for (const { path, contents, mode } of files) {
    await mkdir(dirname(join(home, path)), { recursive: true, mode: 0o700 });
    await writeFile(join(home, path), contents, { mode });
  }
  await chmod(home, 0o700);
});
afterAll(async () => {
  for (const child of started) {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  }
  await rm(home, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
});

function start(environment: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'],
      SALLYPORT_HOME: home,
      SALLYPORT_ADMIN_LISTEN: '127.0.0.1:0',
      SALLYPORT_GRPC_LISTEN: '127.0.0.1:0',
      SALLYPORT_OPS_LISTEN: '127.0.0.1:0',
      SALLYPORT_LOG_LEVEL: 'error',
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.push(child);
  return child;
}

interface Ready {
  readonly ready: true;
  readonly admin: string;
  readonly grpc: string;
  readonly ops: string;
  readonly pid: number;
  readonly postgres: { readonly url: string; readonly pid: number; readonly passwordFile: string };
}

async function readyLine(child: ChildProcess): Promise<Ready> {
  if (child.stdout === null) throw new Error('no output');
  for await (const line of createInterface(child.stdout)) return JSON.parse(line) as Ready;
  throw new Error('it ended without a word');
}

async function exitOf(child: ChildProcess): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'exit');
  return child.exitCode;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Names of groups, which stand for everything that was written. */
async function groups(ready: Ready, create?: string): Promise<string[]> {
  const ca = await readFile(join(home, 'ca', 'admin.pem'), 'utf8');
  const token = (await readFile(join(home, 'owner-token'), 'utf8')).trim();
  const agent = new Agent({ connect: { ca } });
  const common = { origin: ready.admin, path: '/v1/groups' };
  const authorization = `Bearer ${token}`;
  if (create !== undefined) {
    const headers = { authorization, 'content-type': 'application/json' };
    const body = JSON.stringify({ name: create });
    const answer = await agent.request({ ...common, method: 'POST', headers, body });
    expect(answer.statusCode).toBe(201);
    await answer.body.dump();
  }
  const answer = await agent.request({ ...common, method: 'GET', headers: { authorization } });
  const { items } = (await answer.body.json()) as { items: { name: string }[] };
  await agent.destroy();
  return items.map((item) => item.name);
}

test('it says when it serves, drains on SIGTERM with exit 0, and finds what it wrote again', async () => {
  const first = start({});
  const ready = await readyLine(first);
  expect(ready).toMatchObject({ ready: true, pid: first.pid });
  const { url, passwordFile } = ready.postgres;
  expect(url).not.toContain((await readFile(passwordFile, 'utf8')).trim());
  expect(await groups(ready, 'employees')).toEqual(['employees']);
  for (const listening of [ready.admin, ready.grpc]) {
    const port = Number(/\d+$/.exec(listening)?.[0]);
    const alpn = listening === ready.grpc ? { ALPNProtocols: ['h2'] } : {};
    expect(await ticketsSent({ host: '127.0.0.1', port, ...alpn })).toBe(0);
  }
  const status = async (path: string): Promise<number> => (await fetch(ready.ops + path)).status;
  expect(await Promise.all(['/healthz', '/readyz', '/metrics'].map(status))).toEqual([
    200, 200, 200,
  ]);
  const near = ['/', '/healthz?verbose', '/readyz/', '/debug/pprof', '/v1/users'];
  expect(new Set(await Promise.all(near.map(status)))).toEqual(new Set([404]));
  first.kill('SIGTERM');
  expect(await exitOf(first)).toBe(0);
  expect(isRunning(ready.postgres.pid)).toBe(false);

  // The seed is needed once.
  await rm(join(home, 'seed.json'));
  const second = start({});
  expect(await groups(await readyLine(second))).toEqual(['employees']);

  // Killed without a word, it leaves no database behind, and nothing committed is lost.
  second.kill('SIGKILL');
  await exitOf(second);
  const third = start({});
  expect(await groups(await readyLine(third))).toEqual(['employees']);
  third.kill('SIGTERM');
  expect(await exitOf(third)).toBe(0);
}, 60_000);

test('a configuration that cannot be read stops it before it listens, with all problems', async () => {
  const child = start({
    SALLYPORT_ADMIN_LISTEN: 'nowhere',
    SALLYPORT_OPS_LISTEN: '0.0.0.0:1',
    SALLYPORT_ADMIN_CERT: '/absent.pem',
  });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  expect(await exitOf(child)).toBe(2);
  expect(said).toContain('3 problems');
  for (const name of ['SALLYPORT_ADMIN_LISTEN', 'SALLYPORT_OPS_LISTEN', 'SALLYPORT_ADMIN_CERT']) {
    expect(said).toContain(name);
  }
});

test('a home whose key file is another one does not start', async () => {
  const other = await mkdtemp(join(tmpdir(), 'sallyport-main-'));
  const { files } = await createInstallation({ trustDomain: 'corp.test', nowMs: Date.now() });
  const { files: strangers } = await createInstallation({
    trustDomain: 'a.test',
    nowMs: Date.now(),
  });
  for (const { path, contents } of files) {
    await mkdir(dirname(join(other, path)), { recursive: true });
    await writeFile(join(other, path), contents, { mode: 0o600 });
  }
  const key = strangers.find((file) => file.path === 'key-file')?.contents ?? '';
  await writeFile(join(other, 'key-file'), key);
  const child = start({ SALLYPORT_HOME: other });
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
  });
  expect(await exitOf(child)).toBe(1);
  expect(said).toContain('sealed_value_unreadable');
  await rm(other, { recursive: true, force: true, maxRetries: 50, retryDelay: 100 });
}, 60_000);

test('SIGTERM ends the wait for a database that is not there, with exit 0 and the cause in words', async () => {
  const closed = await freePort();
  const child = start({
    DATABASE_URL: `postgres://sallyport:hidden@127.0.0.1:${closed}/sallyport`,
    SALLYPORT_LOG_LEVEL: 'warn',
  });
  let said = '';
  const told = Promise.withResolvers<void>();
  child.stderr?.on('data', (chunk: Buffer) => {
    said += chunk.toString('utf8');
    if (said.includes('not_there_yet')) told.resolve();
  });
  await told.promise;
  child.kill('SIGTERM');
  expect(await exitOf(child)).toBe(0);
  expect(said).toContain(`connection refused at 127.0.0.1:${closed}`);
  expect(said).not.toContain('hidden');
  expect(said).not.toContain('    at ');
}, 30_000);
