import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HomeInUseError, lockHome } from './home-lock.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-lock-'));
});
afterEach(() => rm(dir, { recursive: true }));

describe('the directory of an edge', () => {
  it('belongs to one process at a time', () => {
    const home = join(dir, 'home');
    const lock = lockHome(home);
    expect(() => lockHome(home)).toThrow(HomeInUseError);
    lock.release();
    lockHome(home).release();
  });

  it('is free again when the process that held it was killed', async () => {
    const holder = new URL('./home-lock.ts', import.meta.url).href;
    const script = `import { lockHome } from '${holder}';
      lockHome(${JSON.stringify(dir)});
      process.stdout.write('held');
      setInterval(() => undefined, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script]);
    await once(child.stdout, 'data');
    expect(() => lockHome(dir)).toThrow(HomeInUseError);
    child.kill('SIGKILL');
    await once(child, 'close');
    lockHome(dir).release();
  });
});
