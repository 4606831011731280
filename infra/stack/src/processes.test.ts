import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { processTree, signalTree } from './process-tree.ts';
import { ProcessDied } from './processes.ts';
import { Running } from './running.ts';

let dir: string;
let running: Running;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sallyport-processes-'));
  running = new Running(dir, dir, false);
});
afterEach(() => running.stop());

async function start(source: string) {
  const entry = join(dir, 'entry.ts');
  await writeFile(entry, source);
  return running.start({ name: 'child', entry });
}

function isThere(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const stays = 'setInterval(() => {}, 1000);';

describe('a process of the stack', () => {
  it('is ready with the first line that is an object', async () => {
    const child = await start(`console.log('words'); console.log('{"port":1}'); ${stays}`);
    expect(await child.ready).toEqual({ port: 1 });
  });

  it('that ends by itself is named, with what it last said', async () => {
    const child = await start(`console.error('no such thing'); process.exitCode = 3;`);
    await expect(child.ready).rejects.toThrow(ProcessDied);
    await expect(running.failed).rejects.toThrow(/child ended with 3:\n.*no such thing/);
  });

  it('that is stopped is no failure, and its folder goes with it', async () => {
    const child = await start(`console.log('{}'); ${stays}`);
    await child.ready;
    await running.stop();
    expect(isThere(child.pid)).toBe(false);
    await expect(readFile(join(dir, 'entry.ts'))).rejects.toThrow(/ENOENT/);
    const outcome = await Promise.race([running.failed, Promise.resolve('nothing')]);
    expect(outcome).toBe('nothing');
  });

  it('that is killed is no failure, takes along what it started, and can be started again', async () => {
    const child = await start(
      `import { spawn } from 'node:child_process';
       const { pid } = spawn('sleep', ['600']);
       console.log(JSON.stringify({ pid, port: process.env.PORT })); ${stays}`,
    );
    const { pid: own } = await child.ready;
    expect(processTree(child.pid)).toEqual([child.pid, own]);
    running.amend('child', { PORT: '7' });
    await child.kill();
    await expect.poll(() => isThere(Number(own)), { timeout: 10_000 }).toBe(false);
    const again = await running.startAgain('child');
    expect(await again.ready).toMatchObject({ port: '7' });
    const outcome = await Promise.race([running.failed, Promise.resolve('nothing')]);
    expect(outcome).toBe('nothing');
  });

  it('that stands still ends with the others', async () => {
    const child = await start(`console.log('{}'); ${stays}`);
    await child.ready;
    signalTree(child.pid, 'SIGSTOP');
    await running.stop();
    expect(isThere(child.pid)).toBe(false);
  });

  it('ends when the stack is killed', async () => {
    const child = join(dir, 'child.ts');
    const parent = join(dir, 'parent.ts');
    await writeFile(child, `console.log(JSON.stringify({ pid: process.pid })); ${stays}`);
    await writeFile(
      parent,
      `import { Running } from ${JSON.stringify(join(import.meta.dirname, 'running.ts'))};
       const running = new Running(${JSON.stringify(dir)}, ${JSON.stringify(dir)}, true);
       const started = running.start({ name: 'orphan', entry: ${JSON.stringify(child)} });
       console.log(JSON.stringify(await started.ready)); ${stays}`,
    );
    const stack = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] });
    const [line] = (await once(stack.stdout, 'data')) as [Buffer];
    const { pid } = JSON.parse(line.toString()) as { pid: number };
    expect(isThere(pid)).toBe(true);
    stack.kill('SIGKILL');
    await expect.poll(() => isThere(pid), { timeout: 10_000 }).toBe(false);
  });
});
