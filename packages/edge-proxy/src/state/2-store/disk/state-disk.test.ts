import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import {
  at,
  frameOf,
  hex,
  makeHome,
  type OpenedDisk,
  openDisk,
  readDisk,
  revokeDigestAt,
  revokeOpsAt,
  sampleCarried,
  summary,
  take,
  writeSample,
} from './testing/sample-disk.ts';

const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const one of cleanUp.splice(0).reverse()) await one();
});

async function newHome(): Promise<Parameters<typeof openDisk>[0]> {
  const { home, key, remove } = await makeHome();
  cleanUp.push(remove);
  return { home, key };
}

async function open(options: Parameters<typeof openDisk>[0]): Promise<OpenedDisk> {
  const opened = await openDisk(options);
  cleanUp.push(() => opened.disk.close());
  return opened;
}

test('an edge without a state on disk has nothing, and no problem', async () => {
  const { loaded, disk } = await open(await newHome());
  expect(loaded.problems).toEqual([]);
  for (const lane of Object.values(loaded.lanes)) {
    expect(lane).toMatchObject({ complete: false, position: null, highest: null });
  }
  expect(disk.status().failing).toBeNull();
});

test('what was stored comes back after a restart, lane by lane', async () => {
  const options = await newHome();
  const first = await openDisk(options);
  await writeSample(first);
  await first.disk.close();

  const { loaded } = await open(options);
  expect(loaded.problems).toEqual([]);
  const expected = { complete: true, missingShards: [], asOfMs: 5_000 };
  expect(loaded.lanes).toMatchObject({
    revoke: { ...expected, position: at(11), highest: at(11) },
    signals: { ...expected, position: at(10), highest: at(10) },
    directory: { ...expected, position: at(11) },
    config: { ...expected, position: at(2) },
  });
  for (const lane of ['revoke', 'signals', 'directory'] as const) {
    expect(hex(loaded.tables[lane].digest())).toBe(hex(first.loaded.tables[lane].digest()));
  }
  expect(hex(loaded.configRows.digest())).toBe(hex(first.loaded.configRows.digest()));
  expect(loaded.carried).toEqual(sampleCarried);
  expect(loaded.keys).toMatchObject({
    believed: [{ keyId: 'key_1', purpose: 'lane-revoke' }],
    withdrawn: [{ keyId: 'key_0', purpose: 'lane-revoke', notAfterMs: 2 }],
  });
});

test('the proof of the last frame comes back from the journal and from a checkpoint', async () => {
  const options = await newHome();
  const first = await openDisk(options);
  await first.disk.replaced('revoke', at(10), null);
  take(first, 'revoke', 11, [...revokeOpsAt(11)]);
  await first.disk.close();
  const second = await openDisk(options);
  const { proof } = second.loaded.lanes.revoke;
  expect(proof).toMatchObject({ epoch: at(11).epoch, prevRev: 10, rev: 11, keyId: 'key_1' });
  expect(proof?.bodySha256).toHaveLength(32);
  void second.disk.replaced('revoke', at(11), proof);
  await second.disk.settled();
  await second.disk.close();
  const third = await open(options);
  expect(third.loaded.lanes.revoke.proof).toEqual(proof);
});

test('a journal in many segments with checkpoints between them gives the same rows', async () => {
  const options = await newHome();
  const limits = { checkpointBytesMin: 1_000, checkpointBytesMax: 1_000, journalBytesMax: 1e6 };
  let rev = 0;
  for (let start = 0; start < 6; start += 1) {
    const opened = await openDisk({ ...options, limits });
    if (start === 0) void opened.disk.replaced('revoke', at(0), null);
    for (const end = rev + 25; rev < end; ) {
      rev += 1;
      take(opened, 'revoke', rev, [...revokeOpsAt(rev)]);
      if (rev % 5 === 0) await opened.disk.settled();
    }
    if (start > 0) expect(opened.disk.status().checkpointsTotal).toBeGreaterThan(0);
    await opened.disk.close();
  }
  const { loaded } = await open(options);
  expect(loaded.problems).toEqual([]);
  expect(loaded.lanes.revoke.position).toEqual(at(rev));
  expect(hex(loaded.tables.revoke.digest())).toBe(revokeDigestAt(rev));
});

test('a checkpoint leaves no file behind that the index does not need', async () => {
  const options = await newHome();
  const opened = await open(options);
  await opened.disk.replaced('revoke', at(0), null);
  for (let rev = 1; rev <= 20; rev += 1) {
    take(opened, 'revoke', rev, [...revokeOpsAt(rev)]);
    if (rev % 5 === 0) await opened.disk.replaced('revoke', at(rev), null);
  }
  await opened.disk.settled();
  const names = readdirSync(join(options.home, 'state', 'revoke'));
  const rows = [...Array(256).keys()].filter((i) => opened.loaded.tables.revoke.shardRows(i) > 0);
  expect(names.filter((name) => name.endsWith('.shard'))).toHaveLength(rows.length);
  expect(names.filter((name) => name.endsWith('.journal'))).toHaveLength(1);
});

test('frames that come while a checkpoint is written are in the journal behind it', async () => {
  const options = await newHome();
  const opened = await openDisk(options);
  const { disk } = opened;
  await disk.replaced('revoke', at(0), null);
  for (let rev = 1; rev <= 40; rev += 1) take(opened, 'revoke', rev, [...revokeOpsAt(rev)]);
  const stored = disk.replaced('revoke', at(40), null);
  for (let rev = 41; rev <= 120; rev += 1) {
    take(opened, 'revoke', rev, [...revokeOpsAt(rev)]);
    await new Promise(setImmediate);
  }
  await stored;
  await disk.close();
  const { loaded } = await open(options);
  expect(loaded.problems).toEqual([]);
  expect(loaded.lanes.revoke.position).toEqual(at(120));
  expect(hex(loaded.tables.revoke.digest())).toBe(revokeDigestAt(120));
});

test('until replaced shards are stored a restart gives the state of before', async () => {
  const options = await newHome();
  const opened = await openDisk(options);
  const { disk, loaded } = opened;
  await disk.replaced('revoke', at(0), null);
  take(opened, 'revoke', 1, [...revokeOpsAt(1)]);
  expect(disk.pending('revoke')).toBeNull();
  loaded.tables.revoke.apply([{ op: 'ended_session', sid: 'ses_new', expiresAtMs: 1e12 }]);
  const stored = disk.replaced('revoke', at(5), null);
  expect(disk.pending('revoke')).not.toBeNull();
  expect(disk.append(frameOf('revoke', 6, revokeOpsAt(6)))).toBe('pending');
  const between = readDisk(options);
  expect(between.lanes.revoke).toMatchObject({ complete: true, position: at(1) });
  expect(hex(between.tables.revoke.digest())).toBe(revokeDigestAt(1));
  await stored;
  expect(disk.pending('revoke')).toBeNull();
  await disk.close();
  expect(readDisk(options).lanes.revoke).toMatchObject({ complete: true, position: at(6) });
});

test('at each instant a restart finds a state that was whole, also when another one overtakes it', async () => {
  const options = await newHome();
  const opened = await open(options);
  const { disk } = opened;
  await disk.replaced('revoke', at(0), null);
  for (let rev = 1; rev <= 80; rev += 1) opened.loaded.tables.revoke.apply(revokeOpsAt(rev));
  void disk.replaced('revoke', at(80), null);
  const seen = new Set<number>();
  let stored = false;
  for (let look = 0; !stored; look += 1) {
    if (look === 3) {
      for (let rev = 81; rev <= 160; rev += 1) opened.loaded.tables.revoke.apply(revokeOpsAt(rev));
      void disk.replaced('revoke', at(160), null).then(() => {
        stored = true;
      });
    }
    const { lanes, tables } = readDisk(options);
    const rev = lanes.revoke.position?.rev ?? -1;
    expect([0, 80, 160]).toContain(rev);
    expect(hex(tables.revoke.digest())).toBe(revokeDigestAt(rev));
    seen.add(rev);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  expect(seen.has(0)).toBe(true);
  expect(readDisk(options).lanes.revoke.position).toEqual(at(160));
});

test('a frame of another epoch is never put behind those of the one before', async () => {
  const options = await newHome();
  const opened = await openDisk(options);
  await opened.disk.replaced('revoke', at(0), null);
  opened.loaded.tables.revoke.apply(revokeOpsAt(1));
  const other = { ...frameOf('revoke', 1, revokeOpsAt(1)), epoch: 9 };
  expect(opened.disk.append(other)).toBe('pending');
  await opened.disk.settled();
  await opened.disk.close();
  const { loaded } = await open(options);
  expect(loaded.problems).toEqual([]);
  expect(loaded.lanes.revoke).toMatchObject({ complete: true, position: { epoch: 9, rev: 1 } });
});

test('a frame that does not go on from the position makes a checkpoint, never a gap', async () => {
  const options = await newHome();
  const opened = await openDisk(options);
  await opened.disk.replaced('revoke', at(0), null);
  opened.loaded.tables.revoke.apply(revokeOpsAt(9));
  expect(opened.disk.append(frameOf('revoke', 9, revokeOpsAt(9)))).toBe('pending');
  await opened.disk.settled();
  await opened.disk.close();
  const { loaded } = await open(options);
  expect(loaded.problems).toEqual([]);
  expect(loaded.lanes.revoke).toMatchObject({ complete: true, position: at(9) });
});

test('what is carried replaces what was carried before', async () => {
  const options = await newHome();
  const first = await openDisk(options);
  await writeSample(first);
  await first.disk.saveCarried({ epoch: 0, denials: [], early: sampleCarried.early });
  await first.disk.close();
  const { loaded } = await open(options);
  expect(loaded.carried).toEqual({ epoch: 0, denials: [], early: sampleCarried.early });
  expect(loaded.lanes.revoke.complete).toBe(true);
});

test('marks only rise, and what a lane has held is known when its files are gone', async () => {
  const options = await newHome();
  const first = await openDisk(options);
  await first.disk.replaced('revoke', at(10), null);
  await first.disk.settled();
  void first.disk.replaced('revoke', at(4), null);
  await first.disk.settled();
  await first.disk.close();
  const { loaded } = await open(options);
  expect(loaded.lanes.revoke).toMatchObject({ complete: false, highest: at(10) });
  expect(loaded.problems).toMatchObject([{ code: 'rollback', lane: 'revoke' }]);
});

test('nobody but the owner can read the state', async () => {
  const options = await newHome();
  const opened = await open(options);
  await writeSample(opened);
  await opened.disk.settled();
  const root = join(options.home, 'state');
  expect(statSync(root).mode & 0o777).toBe(0o700);
  for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
    const stat = statSync(join(root, name));
    expect([name, stat.mode & 0o777]).toEqual([name, stat.isDirectory() ? 0o700 : 0o600]);
  }
});

test('two loads of the same files are the same', async () => {
  const options = await newHome();
  const first = await openDisk(options);
  await writeSample(first);
  await first.disk.close();
  const second = await openDisk(options);
  const before = summary(second.loaded);
  await second.disk.close();
  const third = await open(options);
  expect(summary(third.loaded)).toEqual(before);
});
