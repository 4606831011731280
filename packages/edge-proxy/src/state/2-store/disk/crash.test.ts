import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { newKeyFileText, parseKeyFile } from '@sallyport/shared/seal';
import { afterEach, expect, test } from 'vitest';
import { hex, makeHome, readDisk, revokeDigestAt, sampleBlock } from './testing/sample-disk.ts';

const writer = new URL('./testing/disk-child.ts', import.meta.url).pathname;
const carrier = new URL('./testing/carry-child.ts', import.meta.url).pathname;
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0)) await one();
});

/** Runs the writer and kills it without warning at this line; returns the last revision it said. */
async function runUntilLine(home: string, lines: number): Promise<number> {
  const process_ = spawn(process.execPath, [writer, home], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(process_, 'exit');
  let written = 0;
  let seen = 0;
  for await (const line of createInterface({ input: process_.stdout })) {
    const [what, rev, problems] = line.split(' ');
    if (what === 'open') expect(Number(problems), line).toBe(0);
    else expect(['written', 'stored', 'pending']).toContain(what);
    if (what === 'written' || what === 'stored') written = Number(rev);
    seen += 1;
    if (seen === lines) process_.kill('SIGKILL');
  }
  await exited;
  return written;
}

test('F19 killed again and again while it writes, an edge loses nothing that was written, and tears nothing', async () => {
  const { home, remove } = await makeHome();
  cleanUp.push(remove);
  const text = newKeyFileText();
  writeFileSync(join(home, 'local.key'), text, { mode: 0o600 });
  const options = { home, key: parseKeyFile(text) };
  let before = 0;
  for (let round = 0; round < 5; round += 1) {
    const written = await runUntilLine(home, 60 + ((round * 53) % 90));
    const { lanes, tables, problems } = readDisk(options);
    const rev = lanes.revoke.position?.rev ?? -1;
    expect(problems.filter(({ code }) => code !== 'journal_cut')).toEqual([]);
    expect(lanes.revoke.complete).toBe(true);
    expect(rev).toBeGreaterThanOrEqual(written);
    expect(written).toBeGreaterThan(before);
    expect(hex(tables.revoke.digest())).toBe(revokeDigestAt(rev));
    before = rev;
  }
});

/** Lets a block leave the rows and come back, and kills the process at this file of what is carried. */
async function runUntilCarried(home: string, way: string, files: number): Promise<void> {
  const process_ = spawn(process.execPath, [carrier, home, way], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(process_, 'exit');
  let left = Number.POSITIVE_INFINITY;
  for await (const line of createInterface({ input: process_.stdout })) {
    left = line === 'ready' ? files : left - 1;
    if (left === 0) process_.kill('SIGKILL');
  }
  await exited;
}

test.each([
  ['state', 2, 'carried'],
  ['frame', 2, 'carried'],
  ['state', 3, 'row'],
])(
  'killed while a block that was carried arrives with a %s, at file %i, an edge has it still: %s',
  async (way, files, where) => {
    const { home, remove } = await makeHome();
    cleanUp.push(remove);
    const text = newKeyFileText();
    writeFileSync(join(home, 'local.key'), text, { mode: 0o600 });
    await runUntilCarried(home, way, files);
    const { lanes, tables, carried } = readDisk({ home, key: parseKeyFile(text) });
    const rows = [...Array(256).keys()].flatMap((i) => [...tables.revoke.shardOps(i, 'block')]);
    expect(lanes.revoke.complete).toBe(true);
    expect(where === 'row' ? rows : carried.denials).toEqual([sampleBlock]);
  },
);
