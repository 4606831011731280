import { readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { linesOf, readAll, SpoolHome, textsOf } from './testing/sample-spool.ts';

let home: SpoolHome;
beforeEach(async () => {
  home = await SpoolHome.make();
});
afterEach(() => home.remove());

const folder = () => join(home.dir, 'records');
const files = async () => (await readdir(folder())).filter((file) => file.endsWith('.spool'));
const texts = (count: number, of: string) => [...Array(count).keys()].map((at) => `${of}${at}`);

describe('the spool of access records', () => {
  it('gives out what it got, in order, also to the next process, until it is confirmed', async () => {
    const first = await home.open();
    await first.append([linesOf(['a', 'b'])]);
    await first.append([linesOf(['c'], true)]);
    await first.append([linesOf(['d']), linesOf(['e'])]);
    expect(first.records).toBe(5);
    const block = await first.next();
    expect(textsOf(block ?? fail())).toEqual(['a', 'b']);
    await first.confirm([block?.number ?? 0]);
    await first.close();
    const second = await home.open();
    const rest = await readAll(second);
    expect(rest.map(textsOf)).toEqual([['c'], ['d', 'e']]);
    expect([second.droppedTotal, second.damagedTotal]).toEqual([{ permits: 0, denials: 0 }, 0]);
    // Not confirmed: there again.
    await second.close();
    const third = await home.open();
    const again = await readAll(third);
    expect(again.map(textsOf)).toEqual([['c'], ['d', 'e']]);
    await third.confirm(again.map(({ number }) => number));
    expect([third.records, third.bytes, await files()]).toEqual([0, 0, []]);
    await third.close();
  });

  it('goes on being written while it is read', async () => {
    const spool = await home.open();
    for (const round of texts(3, 'r')) {
      await spool.append([linesOf([round])]);
      const block = (await spool.next()) ?? fail();
      expect([textsOf(block), spool.hasUnread]).toEqual([[round], false]);
      await spool.confirm([block.number]);
    }
    expect(await files()).toEqual([]);
    await spool.close();
  });

  it('shows nothing of the records to who reads its files, which are the owner’s alone', async () => {
    const spool = await home.open();
    await spool.append([linesOf(['alice@corp.test'])]);
    await spool.close();
    for (const file of await readdir(folder())) {
      const { mode } = await stat(join(folder(), file));
      expect(mode & 0o777).toBe(0o600);
      expect((await readFile(join(folder(), file))).includes('alice')).toBe(false);
    }
    expect((await stat(folder())).mode & 0o777).toBe(0o700);
  });

  it('drops the oldest permits when it is full, then the oldest denials, and counts them', async () => {
    const spool = await home.open(64 * 1024);
    const filler = 'x'.repeat(4_000);
    const write = (text: string, denial: boolean) =>
      spool.append([linesOf([text, filler], denial)]);
    for (const text of texts(4, 'd')) await write(text, true);
    expect(spool.full).toBe(false);
    for (const text of texts(12, 'p')) await write(text, false);
    // Before anything is lost.
    expect([spool.full, spool.droppedTotal]).toEqual([true, { permits: 0, denials: 0 }]);
    for (const text of texts(2, 'q')) await write(text, false);
    expect(spool.droppedTotal).toEqual({ permits: 4, denials: 0 });
    for (const text of texts(14, 'e')) await write(text, true);
    expect(spool.bytes).toBeLessThanOrEqual(64 * 1024);
    expect(spool.droppedTotal).toEqual({ permits: 28, denials: 4 });
    // Not even one permit counts more than a denial.
    expect(await write('late', false)).toEqual({ kind: 'dropped' });
    expect(spool.droppedTotal.permits).toBe(30);
    const left = await readAll(spool);
    expect(left.map((block) => textsOf(block)[0])).toEqual(['d2', 'd3', ...texts(14, 'e')]);
    await spool.confirm(left.map(({ number }) => number));
    expect([spool.full, spool.bytes]).toEqual([false, 0]);
    await spool.close();
  });

  it('F26 says once that its disk fails, and goes on by itself when it works again', async () => {
    const spool = await home.open();
    await spool.append([linesOf(['a'])]);
    await spool.close();
    await rename(folder(), `${folder()}.away`);
    // Nothing can be made in there, whoever asks.
    await writeFile(folder(), '');
    const again = await home.open();
    expect([again.failing, await again.append([linesOf(['b'])])]).toEqual([true, null]);
    await rm(folder());
    await rename(`${folder()}.away`, folder());
    await expect.poll(() => again.append([linesOf(['c'])])).not.toBeNull();
    expect(again.failing).toBe(false);
    expect((await readAll(again)).map(textsOf)).toEqual([['a'], ['c']]);
    const told = home.events().filter((event) => String(event).startsWith('records.spool_'));
    expect(told).toEqual([
      'records.spool_failing',
      'records.spool_found',
      'records.spool_recovered',
    ]);
    await again.close();
  });

  it('keeps what was lost and not told over a restart', async () => {
    const spool = await home.open();
    spool.noteUnreported({ permits: 3, denials: 1 });
    await spool.close();
    const again = await home.open();
    expect(again.unreported).toEqual({ permits: 3, denials: 1 });
    await again.close();
  });
});

describe('a file of the spool that is not as it was written', () => {
  /** Five blocks of two records in one segment. */
  async function written(): Promise<{ path: string; bytes: Buffer }> {
    const spool = await home.open();
    for (const text of texts(5, 'b')) await spool.append([linesOf([text, `${text}+`])]);
    await spool.close();
    const [file = ''] = await files();
    const path = join(folder(), file);
    return { path, bytes: await readFile(path) };
  }

  const whole = texts(5, 'b').map((text) => [text, `${text}+`]);

  it('gives the blocks before a cut, and counts the one that is torn', async () => {
    const { path, bytes } = await written();
    const blockBytes = bytes.length / 5;
    for (const cut of [1, 20, 39, 40, 41, blockBytes - 1]) {
      await writeFile(path, bytes);
      await truncate(path, 3 * blockBytes + cut);
      const spool = await home.open();
      expect((await readAll(spool)).map(textsOf), String(cut)).toEqual(whole.slice(0, 3));
      const known = cut >= 40 ? 2 : 0;
      expect([spool.damagedTotal, spool.droppedTotal.permits]).toEqual([1, known]);
      await spool.close();
      await rm(join(folder(), 'marks'));
    }
  });

  it('gives no record of which a single bit is another', async () => {
    const { path, bytes } = await written();
    const blockBytes = bytes.length / 5;
    for (let at = 0; at < blockBytes; at += 1) {
      const changed = Buffer.from(bytes);
      changed[2 * blockBytes + at] = (changed[2 * blockBytes + at] ?? 0) ^ 0x10;
      await writeFile(path, changed);
      await rm(join(folder(), 'marks'), { force: true });
      const spool = await home.open();
      const read = (await readAll(spool)).map(textsOf);
      expect(read.slice(0, 2)).toEqual(whole.slice(0, 2));
      for (const lines of read) expect(whole).toContainEqual(lines);
      expect(read).not.toContainEqual(whole[2]);
      expect(spool.damagedTotal).toBeGreaterThan(0);
      await spool.close();
      for (const segment of await files())
        if (!path.endsWith(segment)) await rm(join(folder(), segment));
    }
  });

  it('tells how many are missing in front of what comes later', async () => {
    const spool = await home.open(64 * 1024);
    const filler = 'x'.repeat(4_000);
    for (const text of texts(6, 's')) await spool.append([linesOf([text, filler])]);
    await spool.close();
    const segments = (await files()).toSorted();
    await rm(join(folder(), segments[1] ?? ''));
    await rm(join(folder(), segments[2] ?? ''));
    const again = await home.open(64 * 1024);
    expect((await readAll(again)).map((block) => textsOf(block)[0])).toEqual([
      's0',
      's3',
      's4',
      's5',
    ]);
    expect(again.droppedTotal).toEqual({ permits: 4, denials: 0 });
    await again.close();
  });

  it('is not taken from another place, or from another edge', async () => {
    const { path, bytes } = await written();
    const other = await SpoolHome.make();
    const spool = await other.open();
    await spool.close();
    await writeFile(join(other.dir, 'records', path.split('/').at(-1) ?? ''), bytes);
    const strange = await other.open();
    expect(await readAll(strange)).toEqual([]);
    expect(strange.droppedTotal.permits).toBe(10);
    await strange.close();
    await other.remove();
  });

  it('loses nothing by a file of an absurd number', async () => {
    await (await home.open()).close();
    await writeFile(join(folder(), 'permits-9999999999999999.spool'), 'x');
    const first = await home.open();
    await first.append([linesOf(['a'])]);
    await first.append([linesOf(['b'])]);
    await first.close();
    const second = await home.open();
    expect((await readAll(second)).flatMap(textsOf)).toEqual(['a', 'b']);
    await second.close();
  });
});

function fail(): never {
  throw new Error('there is no block');
}
