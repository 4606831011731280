import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { newKeyFileText, parseKeyFile } from '@sallyport/shared/seal';
import { lanes } from '@sallyport/shared/state/model';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { deriveDiskKeys } from './disk-keys.ts';
import { openFile } from './file-format.ts';
import { carriedPlace, configPlace, keysPlace } from './load-small.ts';
import type { LoadedState } from './loaded-state.ts';
import {
  hex,
  makeHome,
  openDisk,
  readDisk,
  sampleEdgeId,
  sampleRoot,
  summary,
  take,
  writeSample,
} from './testing/sample-disk.ts';

/** A state that was written and closed in good order; each test works on a copy of it. */
let sample: Awaited<ReturnType<typeof makeHome>>;
let copy: Awaited<ReturnType<typeof makeHome>>;
let good: LoadedState;
let files: readonly string[];

beforeAll(async () => {
  sample = await makeHome();
  copy = await makeHome();
  const opened = await openDisk(sample);
  await writeSample(opened);
  await opened.disk.close();
  good = readDisk(sample);
  const root = join(sample.home, 'state');
  files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(root, name)).isFile())
    .map((name) => relative(root, join(root, name)));
});

beforeEach(() => restore());

afterAll(async () => {
  await sample.remove();
  await copy.remove();
});

function restore(): void {
  rmSync(join(copy.home, 'state'), { recursive: true, force: true });
  cpSync(join(sample.home, 'state'), join(copy.home, 'state'), { recursive: true });
}

const pathOf = (file: string): string => join(copy.home, 'state', file);
const read = (file: string): Buffer => readFileSync(pathOf(file));
const write = (file: string, bytes: Uint8Array): void => writeFileSync(pathOf(file), bytes);
const load = (): LoadedState => readDisk({ ...copy, key: sample.key });
const fileOf = (pattern: RegExp): string => {
  const found = files.find((file) => pattern.test(file));
  if (found === undefined) throw new Error(`no file is ${String(pattern)}`);
  return found;
};

/** Each lane is as it was written, or it is not complete; nothing is in between. */
function expectWholeOrRefused(state: LoadedState): void {
  for (const lane of lanes) {
    if (!state.lanes[lane].complete) {
      expect(state.lanes[lane].position).toBeNull();
      continue;
    }
    expect(state.lanes[lane].position).toEqual(good.lanes[lane].position);
    const digestOf = ({ tables, configRows }: LoadedState) =>
      hex((lane === 'config' ? configRows : tables[lane]).digest());
    expect(digestOf(state)).toBe(digestOf(good));
  }
  // Only the revoke lane's carried denials stand apart from its rows.
  if (state.lanes.revoke.complete) expect(state.carried).toEqual(good.carried);
}

test('the sample has each kind of file, and loads without a problem', () => {
  expect(good.problems).toEqual([]);
  for (const lane of lanes) expect(good.lanes[lane].complete).toBe(true);
  for (const kind of [/^marks$/, /^config$/, /^keys$/, /^carried$/, /revoke\/index$/]) fileOf(kind);
  expect(files.filter((file) => file.endsWith('.shard')).length).toBe(2);
  expect(files.filter((file) => file.endsWith('.journal')).length).toBe(3);
  expect(summary(load())).toEqual(summary(good));
});

const places = {
  config: configPlace,
  keys: keysPlace,
  carried: carriedPlace,
} as const;

function flip(bytes: Buffer, offset: number): Buffer {
  return Buffer.from(bytes.with(offset, (bytes[offset] as number) ^ (1 << (offset % 8))));
}

test.each(['config', 'keys', 'carried'] as const)(
  'F20 each byte of %s flipped in turn is noticed, and nothing is partly loaded',
  (file) => {
    const keys = deriveDiskKeys(sample.key, sampleEdgeId, sampleRoot);
    const bytes = read(file);
    for (let offset = 0; offset < bytes.length; offset += 1) {
      const flipped = flip(bytes, offset);
      expect(openFile(keys, flipped, places[file]).ok, `byte ${offset}`).toBe(false);
      // What the whole makes of it is looked at here and there.
      if (offset % 16 !== 0) continue;
      write(file, flipped);
      const state = load();
      expect(state.problems, `byte ${offset}`).not.toEqual([]);
      expectWholeOrRefused(state);
    }
  },
);

test.each([
  ['a shard', /^revoke.*\.shard$/],
  ['a journal', /^revoke.*\.journal$/],
])('F20 each byte of %s flipped in turn is noticed, and nothing is partly loaded', (_, pattern) => {
  const file = fileOf(pattern);
  const bytes = read(file);
  for (let offset = 0; offset < bytes.length; offset += 1) {
    write(file, flip(bytes, offset));
    const state = load();
    expect(state.problems, `byte ${offset}`).not.toEqual([]);
    expectWholeOrRefused(state);
  }
});

test('F20 each byte of an index flipped in turn is noticed', () => {
  const keys = deriveDiskKeys(sample.key, sampleEdgeId, sampleRoot);
  const bytes = read('revoke/index');
  for (let offset = 0; offset < bytes.length; offset += 1) {
    const opened = openFile(keys, flip(bytes, offset), { kind: 'index', lane: 'revoke', shard: 0 });
    expect(opened.ok, `byte ${offset}`).toBe(false);
  }
  write('revoke/index', bytes.with(200, (bytes[200] as number) ^ 1));
  const state = load();
  expect(state.problems).toMatchObject([
    { lane: 'revoke', code: 'corrupt' },
    { lane: 'revoke', code: 'missing' },
  ]);
  expect(state.lanes).toMatchObject({ revoke: { complete: false }, directory: { complete: true } });
});

test('a broken copy of the marks leaves the other one, two broken ones leave nothing', () => {
  const bytes = read('marks');
  for (const start of [0, 4096]) {
    for (let offset = start; offset < Math.min(start + 216, bytes.length); offset += 4) {
      write('marks', bytes.with(offset, (bytes[offset] as number) ^ 0x80));
      const state = load();
      expect(state.problems, `byte ${offset}`).toHaveLength(1);
      expect(summary(state)).toEqual(summary(good));
    }
  }
  const both = bytes.with(150, (bytes[150] as number) ^ 1);
  write('marks', both.with(4246, (bytes[4246] as number) ^ 1));
  const state = load();
  expect(state.problems.map(({ code }) => code)).toEqual(['corrupt', 'marks_missing']);
  for (const lane of lanes) expect(state.lanes[lane].complete).toBe(false);
});

test.each([
  ['config', /^config$/, 16],
  ['keys', /^keys$/, 16],
  ['carried denials', /^carried$/, 16],
  ['a shard', /^revoke.*\.shard$/, 4],
  ['a journal', /^revoke.*\.journal$/, 1],
])('F20 %s cut off is noticed, and nothing is partly loaded', (_, pattern, step) => {
  const file = fileOf(pattern);
  const bytes = read(file);
  for (let length = 0; length < bytes.length; length += step) {
    write(file, bytes.subarray(0, length));
    const state = load();
    expect(state.problems, `${length} bytes`).not.toEqual([]);
    expectWholeOrRefused(state);
  }
  write(file, bytes.subarray(0, -1));
  expect(load().problems, 'one byte less').not.toEqual([]);
  write(file, Buffer.concat([bytes, Buffer.of(0)]));
  expect(load().problems, 'one byte more').not.toEqual([]);
  expectWholeOrRefused(load());
});

test('each file that is gone is noticed', () => {
  for (const file of files) {
    restore();
    rmSync(pathOf(file));
    const state = load();
    // Keys come with each stream, and an empty journal holds nothing.
    if (file === 'keys' || file.startsWith('signals')) continue;
    expect(state.problems, file).not.toEqual([]);
    expectWholeOrRefused(state);
    expect(
      lanes.some((lane) => !state.lanes[lane].complete),
      file,
    ).toBe(true);
  }
});

test('F20 files do not count in the place of others', () => {
  const moves = [
    [fileOf(/^revoke.*\.shard$/), fileOf(/^directory.*\.shard$/)],
    [fileOf(/^directory.*\.journal$/), fileOf(/^revoke.*\.journal$/)],
    ['directory/index', 'revoke/index'],
    ['config', 'carried'],
    ['carried', 'config'],
    ['keys', 'carried'],
    ['revoke/index', 'config'],
  ] as const;
  for (const [from, to] of moves) {
    restore();
    write(to, readFileSync(join(sample.home, 'state', from)));
    const state = load();
    expect(
      state.problems.map(({ code }) => code),
      `${from} as ${to}`,
    ).toContain('misplaced');
    expectWholeOrRefused(state);
  }
});

test('a shard does not count in the place of another of the same lane', async () => {
  const opened = await openDisk({ ...copy, key: sample.key });
  for (let rev = 12; rev < 40; rev += 1) {
    take(opened, 'revoke', rev, [{ op: 'ended_session', sid: `ses_${rev}`, expiresAtMs: 1e12 }]);
  }
  void opened.disk.replaced('revoke', { epoch: 3, rev: 39 }, null);
  await opened.disk.settled();
  await opened.disk.close();
  const names = readdirSync(pathOf('revoke')).filter((name) => name.endsWith('.shard'));
  const [one, other] = names as [string, string];
  write(`revoke/${one}`, read(`revoke/${other}`));
  const { problems, lanes: loaded } = load();
  const shard = Number(one.split('-')[0]);
  expect(problems).toMatchObject([{ code: 'misplaced', lane: 'revoke', shard }]);
  expect(loaded.revoke).toMatchObject({ complete: false, missingShards: [shard] });
});

test('a corrupt shard is the only one that is named, and the others are there to compare', () => {
  const file = fileOf(/^revoke.*\.shard$/);
  const bytes = read(file);
  write(file, bytes.with(120, (bytes[120] as number) ^ 1));
  const { lanes: loaded, tables } = load();
  const shard = Number(file.split('/')[1]?.split('-')[0]);
  expect(loaded.revoke).toMatchObject({ complete: false, missingShards: [shard] });
  expect(loaded.directory.complete).toBe(true);
  for (let index = 0; index < 256; index += 1) {
    const same =
      hex(tables.revoke.shardDigest(index)) === hex(good.tables.revoke.shardDigest(index));
    expect([index, same]).toEqual([index, index !== shard]);
  }
});

test.each([
  ['another edge', { edgeId: 'edge_other' }],
  ['another root', { rootPublicKey: new Uint8Array(32).fill(8) }],
])('F20 the state of %s is refused as foreign, under the same local key', (_, other) => {
  const state = readDisk({ ...copy, key: sample.key, ...other });
  expect(new Set(state.problems.map(({ code }) => code))).toEqual(new Set(['foreign']));
  for (const lane of lanes) expect(state.lanes[lane]).toMatchObject({ complete: false });
  expect(state.keys).toEqual({ believed: [], withdrawn: [] });
  expect(state.carried).toEqual({ epoch: 0, denials: [], early: [] });
});

test('the state under another local key is refused', () => {
  const state = readDisk({ ...copy, key: parseKeyFile(newKeyFileText()) });
  expect(state.problems.length).toBeGreaterThan(0);
  for (const lane of lanes) expect(state.lanes[lane]).toMatchObject({ complete: false });
});

test('after a change of the local key what the old one wrote is read, and new files are written', async () => {
  const oldLine = newKeyFileText();
  const old = parseKeyFile(oldLine);
  const home = await makeHome();
  const first = await openDisk({ home: home.home, key: old });
  await writeSample(first);
  await first.disk.close();
  const both = parseKeyFile(`${newKeyFileText()}${oldLine}`);
  const second = await openDisk({ home: home.home, key: both });
  expect(second.loaded.problems).toEqual([]);
  expect(second.loaded.lanes.revoke.complete).toBe(true);
  await second.disk.close();
  await home.remove();
});

test.each(['marks', 'config', 'keys', 'carried', 'revoke/index'])(
  'a newer format of %s is refused, not guessed at',
  (file) => {
    const bytes = read(file);
    for (const start of file === 'marks' ? [0, 4096] : [0]) bytes.writeUInt16LE(2, start + 8);
    write(file, bytes);
    const state = load();
    expect(state.problems.map(({ code }) => code)).toContain('newer_format');
    expectWholeOrRefused(state);
  },
);

test('F20 an older copy of everything but the marks is a rollback', async () => {
  const opened = await openDisk({ ...copy, key: sample.key });
  take(opened, 'revoke', 12, [{ op: 'ended_session', sid: 'ses_later', expiresAtMs: 1e12 }]);
  take(opened, 'directory', 12, [{ op: 'deleted_user', id: 'usr_later' }]);
  opened.disk.configChanged({ epoch: 3, rev: 3 }, null);
  take(opened, 'signals', 11, [
    { op: 'deleted_signal', subject: 'user', subjectId: 'usr_none', name: 'risk' },
  ]);
  await opened.disk.saveCarried({ epoch: 0, denials: [], early: [] });
  await opened.disk.close();
  const marks = read('marks');
  restore();
  write('marks', marks);
  const state = load();
  expect(state.problems.map(({ code }) => code)).toEqual(Array(5).fill('rollback'));
  for (const lane of lanes) expect(state.lanes[lane].complete).toBe(false);
  expect(state.lanes.revoke.highest).toEqual({ epoch: 3, rev: 12 });
  expect(state.carried).toEqual({ epoch: 0, denials: [], early: [] });
});

test('F20 an older copy of one shard is a rollback, also with a good seal', async () => {
  const file = fileOf(/^revoke.*\.shard$/);
  const shard = Number(file.split('/')[1]?.split('-')[0]);
  const opened = await openDisk({ ...copy, key: sample.key });
  opened.loaded.tables.revoke.apply([{ op: 'forgotten_session', sid: 'ses_shard' }]);
  opened.loaded.tables.revoke.apply([{ op: 'ended_session', sid: 'ses_shard', expiresAtMs: 5 }]);
  await opened.disk.replaced('revoke', { epoch: 3, rev: 20 }, null);
  await opened.disk.close();
  const name = readdirSync(pathOf('revoke')).find((one) => one.startsWith(`${shard}-`));
  write(`revoke/${name}`, readFileSync(join(sample.home, 'state', file)));
  const state = load();
  expect(state.problems).toMatchObject([{ code: 'rollback', lane: 'revoke', shard }]);
  expect(state.lanes.revoke).toMatchObject({ complete: false, missingShards: [shard] });
});

test('what was refused for want of marks does not come back with new marks', async () => {
  rmSync(pathOf('marks'));
  const opened = await openDisk({ ...copy, key: sample.key });
  expect(opened.loaded.problems).toMatchObject([{ code: 'marks_missing' }]);
  await opened.disk.settled();
  await opened.disk.close();
  const state = load();
  for (const lane of lanes) expect(state.lanes[lane].complete).toBe(false);
});

test('lost carried denials keep the revoke lane from being complete until it comes anew', async () => {
  rmSync(pathOf('carried'));
  const opened = await openDisk({ ...copy, key: sample.key });
  expect(opened.loaded.lanes.revoke.complete).toBe(false);
  await opened.disk.close();
  const again = await openDisk({ ...copy, key: sample.key });
  expect(again.loaded.lanes.revoke.complete).toBe(false);
  await again.disk.replaced('revoke', { epoch: 3, rev: 12 }, null);
  await again.disk.close();
  const state = load();
  expect(state.lanes.revoke).toMatchObject({ complete: true, position: { epoch: 3, rev: 12 } });
});

test('a pipe, a link or a directory in the place of a file does not hold up the start', () => {
  for (const file of ['config', 'marks', 'carried', 'revoke/index']) {
    for (const make of ['mkfifo', 'mkdir', 'ln -s /etc/hostname'] as const) {
      restore();
      rmSync(pathOf(file));
      const [command = '', ...args] = make.split(' ');
      execFileSync(command, [...args, pathOf(file)]);
      const state = load();
      expect(
        state.problems.map(({ code }) => code),
        `${make} ${file}`,
      ).toContain('unreadable');
      expectWholeOrRefused(state);
    }
  }
});

test('a torn tail is cut at the last whole record, and nothing behind it is believed', async () => {
  const opened = await openDisk({ ...copy, key: sample.key });
  const digests = new Map<number | undefined, string>();
  for (let rev = 12; rev <= 14; rev += 1) {
    digests.set(rev - 1, hex(opened.loaded.tables.revoke.digest()));
    take(opened, 'revoke', rev, [{ op: 'ended_session', sid: `ses_${rev}`, expiresAtMs: 1e12 }]);
  }
  digests.set(14, hex(opened.loaded.tables.revoke.digest()));
  // Written, and the marks have not followed: what a power cut finds.
  const torn = await makeHome();
  cpSync(pathOf(''), join(torn.home, 'state'), { recursive: true });
  await opened.disk.close();
  const last = readdirSync(pathOf('revoke'))
    .filter((name) => name.endsWith('.journal'))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10))
    .at(-1);
  const path = join(torn.home, 'state', 'revoke', last ?? '');
  const bytes = readFileSync(path);
  const seen = new Set<number | undefined>();
  for (let length = bytes.length; length >= 0; length -= 1) {
    writeFileSync(path, bytes.subarray(0, length));
    const { lanes: loaded, tables, problems } = readDisk({ ...torn, key: sample.key });
    const rev = loaded.revoke.position?.rev;
    expect(loaded.revoke.complete).toBe(true);
    expect(hex(tables.revoke.digest())).toBe(digests.get(rev));
    if (length < bytes.length && !seen.has(rev)) expect(rev).toBeLessThan(14);
    if (problems.length === 0) seen.add(rev);
  }
  expect([...seen]).toEqual([14, 13, 12, 11]);
  await torn.remove();
});
