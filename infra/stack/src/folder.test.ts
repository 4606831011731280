import { spawnSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createFolder } from './folder.ts';

let parent: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'sallyport-folder-'));
});
afterEach(() => rm(parent, { recursive: true }));

describe('the folder of a stack', () => {
  it('of a stack that was killed is removed by the next one', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '0']);
    await mkdir(join(parent, 'stack-killed'));
    await writeFile(join(parent, 'stack-killed', 'owner'), String(pid));
    const { dir } = await createFolder(false, parent);
    expect(await readdir(parent)).toEqual([basename(dir)]);
  });

  it('of a running stack and one that was kept stay', async () => {
    const kept = await createFolder(true, parent);
    const running = await createFolder(false, parent);
    const next = await createFolder(false, parent);
    const names = [kept, running, next].map(({ dir }) => basename(dir));
    expect((await readdir(parent)).sort()).toEqual(names.sort());
  });
});
