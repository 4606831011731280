import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newKeyFileText, parseKeyFile } from '@sallyport/shared/seal';
import { afterEach, expect, test } from 'vitest';
import { LimitedProcess } from '../../../testing/limited-process.ts';
import {
  at,
  hex,
  makeHome,
  openDisk,
  readDisk,
  revokeDigestAt,
  revokeOpsAt,
  take,
} from './testing/sample-disk.ts';

const program = new URL('./testing/limited-child.ts', import.meta.url).pathname;
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

interface Answer {
  readonly rev: number;
  readonly digest: string;
  readonly results: readonly string[];
  readonly events: readonly string[];
  readonly failing: { readonly code: string } | null;
  readonly errorsTotal: number;
  readonly stored: { readonly rev: number } | null;
}

async function newHome(): Promise<Parameters<typeof openDisk>[0]> {
  const { home, remove } = await makeHome();
  cleanUp.push(remove);
  const text = newKeyFileText();
  writeFileSync(join(home, 'local.key'), text, { mode: 0o600 });
  return { home, key: parseKeyFile(text) };
}

test('F19 a journal that may not grow fails once, is told once, and memory goes on', async () => {
  const options = await newHome();
  const disk = new LimitedProcess<Answer>(program, [options.home]);
  cleanUp.push(() => disk.kill());
  await disk.run('replace');
  const before = await disk.run('append 5');
  expect(before.results).toEqual(Array(5).fill('written'));
  await disk.run('settle');
  disk.limit(1_500);
  const during = await disk.run('append 40');
  expect(during.results.at(-1)).toBe('failed');
  const lastWritten = 5 + during.results.filter((result) => result === 'written').length;
  expect(during.results.indexOf('failed')).toBe(lastWritten - 5);
  expect(during.failing?.code).toBe('EFBIG');
  expect(during.stored).toEqual(at(lastWritten));
  expect(during.events.filter((event) => event === 'disk.failing')).toHaveLength(1);
  expect(during.digest).toBe(revokeDigestAt(45));

  // The marks have room for ever: a restart knows that it has less than what was enforced.
  const failed = await disk.run('settle');
  expect(failed.failing?.code).toBe('EFBIG');
  const found = readDisk(options);
  expect(found.problems.map(({ code }) => code)).toContain('rollback');
  expect(found.lanes.revoke).toMatchObject({ complete: false, highest: at(45) });

  disk.limit('unlimited');
  const after = await disk.run('settle');
  expect(after).toMatchObject({ failing: null, stored: at(45) });
  expect(after.events).toContain('disk.recovered');
  expect((await disk.run('append 3')).results).toEqual(Array(3).fill('written'));
  await disk.kill();
  const { lanes, tables, problems } = readDisk(options);
  expect(problems).toEqual([]);
  expect(lanes.revoke).toMatchObject({ complete: true, position: at(48) });
  expect(hex(tables.revoke.digest())).toBe(revokeDigestAt(48));
});

test('F19 a disk without room for anything does not keep an edge from starting', async () => {
  const options = await newHome();
  const disk = new LimitedProcess<Answer>(program, [options.home]);
  cleanUp.push(() => disk.kill());
  disk.limit(0);
  const started = await disk.run('replace');
  expect(started.failing?.code).toBe('EFBIG');
  expect((await disk.run('append 2')).results).toEqual(['failed', 'failed']);
  expect(readDisk(options).lanes.revoke.complete).toBe(false);
  disk.limit('unlimited');
  expect(await disk.run('settle')).toMatchObject({ failing: null, stored: at(2) });
  await disk.kill();
  expect(readDisk(options).lanes.revoke).toMatchObject({ complete: true, position: at(2) });
});

test('a home in which no file can be made is reported, and taken into use when it can', async () => {
  const options = await newHome();
  const state = join(options.home, 'state');
  writeFileSync(state, 'in the way');
  const { disk, loaded } = await openDisk(options);
  cleanUp.push(() => disk.close());
  expect(disk.status().failing?.code).toBe('EEXIST');
  loaded.tables.revoke.apply(revokeOpsAt(1));
  await disk.replaced('revoke', at(1), null);
  expect(disk.status().lanes.revoke.stored).toBeNull();
  rmSync(state);
  await disk.settled();
  expect(disk.status()).toMatchObject({ failing: null, lanes: { revoke: { stored: at(1) } } });
  expect(readDisk(options).lanes.revoke).toMatchObject({ complete: true, position: at(1) });
});

test('while the disk fails its as-of stands still', async () => {
  const options = await newHome();
  const opened = await openDisk(options);
  const { disk } = opened;
  await disk.replaced('signals', at(0), null);
  await disk.replaced('revoke', at(0), null);
  disk.asOf('revoke', 1_000);
  disk.asOf('signals', 1_000);
  await disk.settled();
  const lane = join(options.home, 'state', 'revoke');
  renameSync(lane, `${lane}-away`);
  writeFileSync(lane, '');
  await disk.replaced('revoke', at(9), null);
  expect(disk.status().failing?.code).toBe('ENOTDIR');
  disk.asOf('revoke', 2_000);
  disk.asOf('signals', 2_000);
  await disk.settled();
  rmSync(lane);
  renameSync(`${lane}-away`, lane);
  const { lanes } = readDisk(options);
  expect(lanes.revoke).toMatchObject({ complete: false, asOfMs: null, highest: at(9) });
  expect(lanes.signals).toMatchObject({ complete: true, asOfMs: 2_000 });
  await disk.settled();
  expect(disk.status().failing).toBeNull();
  disk.asOf('revoke', 3_000);
  await disk.close();
  expect(readDisk(options).lanes.revoke).toMatchObject({ position: at(9), asOfMs: 3_000 });
});

test('a full journal stops until a checkpoint has made room', async () => {
  const options = await newHome();
  const limits = { checkpointBytesMin: 1e9, checkpointBytesMax: 1e9, journalBytesMax: 2_000 };
  const opened = await openDisk({ ...options, limits });
  await opened.disk.replaced('revoke', at(0), null);
  for (let rev = 1; rev <= 30; rev += 1) take(opened, 'revoke', rev, [...revokeOpsAt(rev)]);
  expect(opened.disk.status().failing?.code).toBe('JOURNAL_FULL');
  const journal = join(options.home, 'state', 'revoke', '1.journal');
  expect(statSync(journal).size).toBeLessThan(2_500);
  await opened.disk.settled();
  expect(opened.disk.status()).toMatchObject({
    failing: null,
    lanes: { revoke: { stored: at(30) } },
  });
  await opened.disk.close();
  const { lanes, tables } = readDisk(options);
  expect(lanes.revoke.position).toEqual(at(30));
  expect(hex(tables.revoke.digest())).toBe(revokeDigestAt(30));
});
