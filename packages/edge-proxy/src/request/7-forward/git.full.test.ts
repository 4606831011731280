import { execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Application, startApplication } from '../testing/application.ts';
import { TestEdge } from '../testing/edge.ts';
import { gitBackendIsThere, serveGit } from '../testing/git-backend.ts';

const run = promisify(execFile);
const mebibyte = 1024 * 1024;
const largeFiles = 96;
const smallFiles = 3_000;

let edge: TestEdge;
let application: Application;
let folder: string;
let options: string[];
beforeAll(async () => {
  if (!gitBackendIsThere) return;
  folder = await mkdtemp(join(tmpdir(), 'sallyport-git-'));
  edge = await TestEdge.start();
  application = await startApplication(edge, serveGit(folder));
  const { cert, key } = edge.laptop;
  const files = { ca: edge.pki.server.certificatePem, cert, key };
  for (const [name, pem] of Object.entries(files)) {
    await writeFile(join(folder, `${name}.pem`), pem, { mode: 0o600 });
  }
  const cookie = await edge.session('usr_alice', 'dev_laptop', 'app.corp.test');
  options = [
    `http.curloptResolve=app.corp.test:${edge.port}:127.0.0.1`,
    `http.sslCAInfo=${join(folder, 'ca.pem')}`,
    `http.sslCert=${join(folder, 'cert.pem')}`,
    `http.sslKey=${join(folder, 'key.pem')}`,
    `http.extraHeader=Cookie: ${cookie}`,
    // Larger pushes go in chunks.
    `http.postBuffer=${mebibyte}`,
    'user.name=Alice',
    'user.email=alice@corp.test',
  ];
});
afterAll(async () => {
  if (!gitBackendIsThere) return;
  await edge.stop();
  await application.close();
  await rm(folder, { recursive: true });
});

async function git(...args: string[]): Promise<string> {
  const { stdout } = await run('git', [...options.flatMap((one) => ['-c', one]), ...args], {
    cwd: folder,
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_TERMINAL_PROMPT: '0',
    },
    maxBuffer: 16 * mebibyte,
  });
  return stdout.trim();
}

/** A repository of one commit, of which nothing can be made smaller. */
async function makeRepository(name: string): Promise<void> {
  await git('init', '--bare', '--initial-branch=main', name);
  await git('-C', name, 'config', 'http.receivepack', 'true');
  const child = spawn('git', ['-C', join(folder, name), 'fast-import', '--quiet'], {
    stdio: ['pipe', 'inherit', 'inherit'],
  });
  const feed = async (bytes: string | Uint8Array): Promise<void> => {
    if (!child.stdin.write(bytes)) await once(child.stdin, 'drain');
  };
  const paths: string[] = [];
  const add = async (path: string, bytes: Uint8Array): Promise<void> => {
    paths.push(path);
    await feed(`blob\nmark :${paths.length}\ndata ${bytes.length}\n`);
    await feed(bytes);
    await feed('\n');
  };
  for (let at = 0; at < largeFiles; at += 1) await add(`large/${at}`, randomBytes(mebibyte));
  for (let at = 0; at < smallFiles; at += 1) await add(`small/${at % 50}/${at}`, randomBytes(64));
  await feed('commit refs/heads/main\ncommitter A <a@corp.test> 1700000000 +0000\ndata 3\nyes\n');
  for (const [at, path] of paths.entries()) await feed(`M 100644 :${at + 1} ${path}\n`);
  child.stdin.end('\n');
  const [code] = (await once(child, 'exit')) as [number];
  if (code !== 0) throw new Error(`fast-import ended with ${code}`);
}

describe.skipIf(!gitBackendIsThere)('git, through an edge', () => {
  const minutes = { timeout: 300_000 };

  it('clones a large repository whole, and pushes to it in chunks', minutes, async () => {
    await makeRepository('large.git');
    const address = `https://app.corp.test:${edge.port}/large.git`;
    await git('clone', '--quiet', address, 'clone');
    const head = await git('-C', 'large.git', 'rev-parse', 'main');
    expect(await git('-C', 'clone', 'rev-parse', 'HEAD')).toBe(head);
    expect(await git('-C', 'clone', 'status', '--porcelain')).toBe('');
    await git('-C', 'clone', 'fsck', '--full');
    const fetched = edge.records.all.filter(({ bytesOut }) => bytesOut > largeFiles * mebibyte);
    expect(fetched).toMatchObject([{ userId: 'usr_alice', ending: 'complete', status: 200 }]);

    await writeFile(join(folder, 'clone', 'new'), randomBytes(24 * mebibyte));
    await git('-C', 'clone', 'add', 'new');
    await git('-C', 'clone', 'commit', '--quiet', '-m', 'new');
    await git('-C', 'clone', 'push', '--quiet', 'origin', 'main');
    expect(await git('-C', 'large.git', 'rev-parse', 'main')).toBe(
      await git('-C', 'clone', 'rev-parse', 'HEAD'),
    );
    await git('-C', 'large.git', 'fsck', '--full');
    expect(edge.records.all.some(({ bytesIn }) => bytesIn > 24 * mebibyte)).toBe(true);
  });

  it('is refused as anybody is who may not come in', minutes, async () => {
    const address = `https://app.corp.test:${edge.port}/large.git`;
    const anonymous = options.filter((one) => !one.startsWith('http.extraHeader'));
    const kept = options;
    options = anonymous;
    await expect(git('ls-remote', address)).rejects.toThrow(/401|could not read/i);
    options = kept;
  });
});
