import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { exportRow, exportRows, hostileTexts } from '../../testing/export-rows.ts';
import { createFileSink } from './file.ts';

let folder = '';
let path = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sallyport-exports-'));
  path = join(folder, 'siem', 'records.jsonl');
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const { signal } = new AbortController();
const sinkOf = (more: { path?: string; bytesMax?: number; keep?: number } = {}) =>
  createFileSink({ path, folder, bytesMax: 1_048_576, keep: 3, ...more });

async function positions(file = path): Promise<number[]> {
  const text = await readFile(file, 'utf8');
  expect(text.endsWith('\n') || text === '').toBe(true);
  const lines = text.split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { position: number }).position);
}

/** All files, the oldest first. */
async function allPositions(): Promise<number[]> {
  const names = await readdir(join(folder, 'siem'));
  const numbers = names.map((name) => Number(name.split('.jsonl.')[1] ?? 0));
  const found: number[] = [];
  for (const number of numbers.toSorted((a, b) => b - a)) {
    found.push(...(await positions(number === 0 ? path : `${path}.${number}`)));
  }
  return found;
}

describe('the file sink', () => {
  it('writes one line of JSON for each row, whatever stands in it', async () => {
    const rows = hostileTexts.map((text, index) =>
      exportRow(index + 1, { value: { position: index + 1, path: text, [text.slice(0, 9)]: 1 } }),
    );
    await sinkOf().send(rows, signal);
    const text = await readFile(path, 'utf8');
    // As the readers split lines that know the most ends of them.
    const lines = text.split(/\r\n|[\n\v\f\r\u0085\u2028\u2029]/).slice(0, -1);
    expect(lines.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(hostileTexts);
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\p{Cf}]/u);
  });

  it('lets its group read, whatever the umask, and leaves what others made', async () => {
    const before = process.umask(0o077);
    try {
      await mkdir(join(folder, 'made'));
      const deep = join(folder, 'made', 'a', 'b', 'records.jsonl');
      const sink = sinkOf({ path: deep, bytesMax: 150 });
      for (const position of [1, 2]) {
        const value = { position, path: 'x'.repeat(80) };
        await sink.send([exportRow(position, { value })], signal);
      }
      const modeOf = async (file: string) => (await stat(file)).mode & 0o777;
      const modes = [deep, `${deep}.1`, dirname(deep), join(folder, 'made', 'a')].map(modeOf);
      expect(await Promise.all(modes)).toEqual([0o640, 0o640, 0o750, 0o750]);
      expect(await modeOf(join(folder, 'made'))).toBe(0o700);
      await chmod(deep, 0o600);
      await sinkOf({ path: deep }).send(exportRows(3, 3), signal);
      expect(await modeOf(deep)).toBe(0o600);
    } finally {
      process.umask(before);
    }
  });

  it('moves a full file away, and keeps so many', async () => {
    const line = Buffer.byteLength(`${JSON.stringify(exportRow(10).value)}\n`);
    const sink = sinkOf({ bytesMax: line * 10, keep: 3 });
    for (let from = 10; from < 90; from += 20) await sink.send(exportRows(from, from + 19), signal);
    expect((await readdir(join(folder, 'siem'))).toSorted()).toEqual([
      'records.jsonl',
      'records.jsonl.1',
      'records.jsonl.2',
      'records.jsonl.3',
    ]);
    expect(await allPositions()).toEqual(exportRows(50, 89).map(({ position }) => position));
    // A line that is longer than a file is in a file of its own.
    await sink.send([exportRow(90, { value: { position: 90, path: 'x'.repeat(2_000) } })], signal);
    expect(await positions()).toEqual([90]);
  });

  it('loses nothing of a rotation that was cut off in the middle', async () => {
    const sink = sinkOf({ bytesMax: 100, keep: 3 });
    for (let position = 1; position <= 3; position += 1) {
      const value = { position, path: 'x'.repeat(80) };
      await sink.send([exportRow(position, { value })], signal);
    }
    // As if the process had ended after the first of its renames.
    execFileSync('mv', [`${path}.2`, `${path}.3`]);
    await sink.send([exportRow(4, { value: { position: 4, path: 'x'.repeat(80) } })], signal);
    expect(await allPositions()).toEqual([1, 2, 3, 4]);
  });

  it('never goes on with a line that was cut off', async () => {
    await sinkOf().send(exportRows(1, 3), signal);
    await appendFile(path, '{"kind":"access","position":4,"pa');
    await sinkOf().send(exportRows(4, 5), signal);
    expect(await positions()).toEqual([1, 2, 3, 4, 5]);
    await rm(path);
    await appendFile(path, 'x'.repeat(200_000));
    await sinkOf().send(exportRows(6, 6), signal);
    expect(await positions()).toEqual([6]);
  });

  it('makes a new file where somebody took the old one away', async () => {
    const sink = sinkOf();
    await sink.send(exportRows(1, 2), signal);
    execFileSync('mv', [path, `${path}.taken`]);
    await sink.send(exportRows(3, 3), signal);
    expect(await positions()).toEqual([3]);
  });

  it('writes nowhere but below its folder, into no link and no pipe', async () => {
    await mkdir(join(folder, 'siem'));
    await mkdir(`${folder}-other`);
    await symlink(`${folder}-other`, join(folder, 'out'));
    await symlink(join(folder, 'siem', 'x'), join(folder, 'siem', 'link'));
    execFileSync('mkfifo', [join(folder, 'siem', 'pipe')]);
    for (const [wrong, reason] of [
      [`${folder}-other/records`, 'below the folder of exports'],
      [join(folder, 'out', 'records'), 'a link leads out'],
      [join(folder, 'out', 'new', 'records'), 'a link leads out'],
      [join(folder, 'siem', 'link'), 'ELOOP'],
      // Nobody reads it: to open it must not wait for one.
      [join(folder, 'siem', 'pipe'), 'not a regular file'],
      [folder, 'below the folder of exports'],
      [join(folder, 'siem'), 'EISDIR'],
    ] as const) {
      const sent = sinkOf({ path: wrong }).send(exportRows(1, 1), signal);
      await expect(sent, wrong).rejects.toThrow(reason);
    }
    expect(await readdir(`${folder}-other`)).toEqual([]);
    await rm(`${folder}-other`, { recursive: true });
  });
});

describe('a process that writes exports', () => {
  const script = join(import.meta.dirname, '../../testing/file-sink-child.ts');
  const start = (from: number, bytesMax: number, before: readonly string[] = []): ChildProcess => {
    const [command, ...rest] = [
      ...before,
      process.execPath,
      script,
      path,
      folder,
      String(bytesMax),
      String(from),
    ];
    return spawn(command, rest, { stdio: ['ignore', 'pipe', 'inherit'] });
  };
  const linesOf = (child: ChildProcess) => {
    if (child.stdout === null) throw new Error('no output');
    return createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  };

  it('F45: leaves no torn line and no hole when it is killed', async () => {
    let sentUpTo = 0;
    for (let round = 0; round < 6; round += 1) {
      const child = start(sentUpTo + 1, 20_000);
      const lines = linesOf(child);
      const wanted = 3 + round * 5;
      for (let line = 0; line < wanted; line += 1)
        sentUpTo = Number(String((await lines.next()).value));
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    await sinkOf({ bytesMax: 20_000, keep: 1_000 }).send(
      exportRows(sentUpTo + 1, sentUpTo + 1),
      signal,
    );
    const found = await allPositions();
    const seen = new Set(found);
    for (let position = 1; position <= sentUpTo + 1; position += 1) {
      expect(seen.has(position)).toBe(true);
    }
    // In order, but for what was begun again after a kill.
    let newest = 0;
    let again = 0;
    for (const position of found) {
      if (position !== newest + 1) again += 1;
      newest = position;
    }
    expect(again).toBeLessThanOrEqual(6);
  });

  it('F26: tries again while the disk takes no more, and then goes on without a hole', async () => {
    const child = start(1, 10_000_000, ['prlimit', '--fsize=50000:unlimited']);
    const lines = linesOf(child);
    let sent = 0;
    for (;;) {
      const line = String((await lines.next()).value);
      if (line.startsWith('failed')) {
        expect(line).toBe('failed: the file cannot be written: EFBIG');
        break;
      }
      sent = Number(line);
    }
    // What it had begun is not there: every line is whole.
    expect((await positions()).at(-1)).toBeGreaterThanOrEqual(sent);
    execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
    const goal = sent + 400;
    for (let at = 0; at < goal; ) at = Number(String((await lines.next()).value)) || at;
    child.kill('SIGKILL');
    await once(child, 'exit');
    const text = await readFile(path, 'utf8');
    const whole = text.slice(0, text.lastIndexOf('\n')).split('\n');
    const seen = new Set(whole.map((line) => (JSON.parse(line) as { position: number }).position));
    for (let position = 1; position <= goal; position += 1) expect(seen.has(position)).toBe(true);
  });
});
