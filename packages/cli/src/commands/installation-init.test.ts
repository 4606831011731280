import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readSeed } from '@sallyport/shared/init/seed';
import { isToken } from '@sallyport/shared/keys/tokens';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { run } from '../testing/run.ts';

describe('sallyport init', () => {
  let scratch: string;
  beforeEach(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'sallyport-init-'));
  });
  afterEach(() => rm(scratch, { recursive: true, force: true }));

  const init = (dir: string, ...more: string[]) =>
    run(['init', '--dir', dir, '--trust-domain', 'corp.example', ...more]);
  const modeOf = async (path: string) => (await stat(path)).mode & 0o777;

  it('makes a folder that the control plane can start from', async () => {
    const dir = join(scratch, 'new');
    const { code, stderr } = await init(dir);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const seed = await readSeed(dir);
    expect(seed.trustDomain).toBe('corp.example');
    const token = (await readFile(join(dir, 'owner-token'), 'utf8')).trim();
    expect(isToken('adm', token)).toBe(true);
  });

  it('lets nobody else read what is secret, whatever the umask', async () => {
    const dir = join(scratch, 'new');
    const before = process.umask(0o000);
    try {
      await init(dir);
    } finally {
      process.umask(before);
    }
    expect(await modeOf(dir)).toBe(0o700);
    for (const secret of [
      'root.key.pem',
      'key-file',
      'seed.json',
      'owner-token',
      'admin/server.key.pem',
    ]) {
      expect([secret, await modeOf(join(dir, secret))]).toEqual([secret, 0o600]);
    }
    for (const open of ['ca/edge.pem', 'ca/admin.pem', 'admin/server.pem', 'root.pub.pem']) {
      expect([open, await modeOf(join(dir, open))]).toEqual([open, 0o644]);
    }
  });

  it('closes the last folder only, not those that it makes above', async () => {
    const dir = join(scratch, 'srv', 'sallyport');
    const before = process.umask(0o022);
    try {
      expect((await init(dir)).code).toBe(0);
    } finally {
      process.umask(before);
    }
    expect(await modeOf(dirname(dir))).toBe(0o755);
    expect(await modeOf(dir)).toBe(0o700);
  });

  it('says what to do next, and shows no secret', async () => {
    const dir = join(scratch, 'new');
    const { stdout } = await init(dir, '--admin-host', 'access.corp.example');
    expect(stdout).toContain(`Move ${join(dir, 'root.key.pem')} offline`);
    expect(stdout).toContain('SALLYPORT_URL=https://access.corp.example:8443');
    expect(stdout).toContain(`SALLYPORT_TOKEN_FILE=${join(dir, 'owner-token')}`);
    expect(stdout).not.toContain('sp_adm_');
    expect(stdout).not.toContain('PRIVATE KEY');
  });

  it('tells the files as JSON with --json', async () => {
    const dir = join(scratch, 'new');
    const { stdout } = await init(dir, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ dir, trustDomain: 'corp.example' });
    expect(stdout).not.toContain('sp_adm_');
  });

  it('takes an empty folder, and gives it the right mode', async () => {
    const dir = join(scratch, 'empty');
    await mkdir(dir, { mode: 0o755 });
    expect((await init(dir)).code).toBe(0);
    expect(await modeOf(dir)).toBe(0o700);
  });

  it('refuses a folder that is not empty, and leaves it as it was', async () => {
    const dir = join(scratch, 'used');
    await init(dir);
    const key = await readFile(join(dir, 'root.key.pem'));
    const again = await init(dir);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('is not empty');
    expect(await readFile(join(dir, 'root.key.pem'))).toEqual(key);

    const foreign = join(scratch, 'foreign');
    await mkdir(foreign);
    await writeFile(join(foreign, 'notes.txt'), 'mine');
    expect((await init(foreign)).code).toBe(1);
    expect(await readdir(foreign)).toEqual(['notes.txt']);
  });

  it('refuses a trust domain or host that cannot stand in a certificate, and writes nothing', async () => {
    const dir = join(scratch, 'bad');
    const args = ['--trust-domain', 'Corp Example', '--admin-host', 'bad host'];
    const bad = await run(['init', '--dir', dir, ...args]);
    expect(bad.code).toBe(6);
    expect(bad.stderr).toContain('trustDomain');
    expect(bad.stderr).toContain('bad host');
    expect(await readdir(dir).catch(() => [])).toEqual([]);
  });

  it('names the option that is missing', async () => {
    const { code, stderr } = await run(['init', '--dir', join(scratch, 'new')]);
    expect(code).toBe(2);
    expect(stderr).toContain('--trust-domain');
  });
});
