import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { platform, tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { launcherChain } from './launcher.ts';

/** Starts `node <launcher>` > sh > a process that watches and does nothing else. */
async function launchedBy(launcher: string) {
  const dir = await mkdtemp(join(tmpdir(), 'sallyport-launcher-'));
  const watching = join(dir, 'watching.ts');
  await writeFile(
    watching,
    `import { watchLauncher } from ${JSON.stringify(join(import.meta.dirname, 'launcher.ts'))};
     const unwatch = watchLauncher(() => { unwatch(); console.log('gone'); });
     console.log(process.pid);
     process.once('beforeExit', () => console.log('nothing to watch'));`,
  );
  const script = join(dir, launcher);
  await writeFile(
    script,
    `require('node:child_process').spawn('sh', ['-c', '"$@"; exit', 'sh', process.execPath,
       ${JSON.stringify(watching)}], { stdio: 'inherit' });`,
  );
  const top = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  top.stdout.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await expect.poll(() => said, { timeout: 10_000 }).toMatch(/^\d+\n/);
  return {
    said: () => said,
    kill: () => top.kill('SIGKILL'),
    [Symbol.asyncDispose]: async () => {
      await expect.poll(() => said, { timeout: 10_000 }).toContain('nothing to watch');
      await rm(dir, { recursive: true });
    },
  };
}

/** Pid, parent, and whether it is npm, npx or pnpm. */
function chainIn(...rows: readonly (readonly [pid: number, parent: number, launcher?: true])[]) {
  return launcherChain(100, {
    parentOf: (pid) => rows.find(([own]) => own === pid)?.[1] ?? 0,
    isLauncher: (pid) => rows.find(([own]) => own === pid)?.[2] ?? false,
  });
}

describe('the chain to the package manager that started us', () => {
  it('goes to the topmost one, with the shells in between', () => {
    expect(chainIn([100, 90], [90, 80, true], [80, 70], [70, 60, true], [60, 50], [50, 1])).toEqual(
      [100, 90, 80, 70],
    );
  });

  it('is empty when a shell or another tool started us', () => {
    expect(chainIn([100, 90], [90, 80], [80, 1])).toEqual([]);
    expect(chainIn([100, 1])).toEqual([]);
  });

  it('ends where the system does not tell', () => {
    expect(chainIn()).toEqual([]);
    expect(chainIn([100, 100])).toEqual([]);
  });
});

describe.runIf(platform() === 'linux')('what was started by a package manager', () => {
  it('hears when that is gone, through the shell in between', async () => {
    await using launched = await launchedBy('npx-cli.js');
    expect(launched.said()).not.toContain('nothing');
    launched.kill();
    await expect.poll(launched.said, { timeout: 10_000 }).toContain('gone');
  });
});
