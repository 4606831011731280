import { execFile } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest';
import { bundleOf, sampleBundle } from '../../testing/sample-state.ts';
import { BundleChecker, type BundleVerdict, checkBundles } from './check-bundles.ts';

const run = promisify(execFile);

const broken = bundleOf(8, Buffer.from('{"documents":[{}]}'));
/** Within the size of a bundle, and some hundred times that as objects. */
const wide = bundleOf(8, Buffer.from(`{"documents":[${'{"a":[[],[],[],[]]},'.repeat(80_000)}{}]}`));
const impossible = { version: (() => 8) as never, documentsJson: new Uint8Array() };
const verdict = (kind: BundleVerdict['kind'], problem: string): unknown => {
  return { kind, problem: expect.stringContaining(problem) as unknown };
};
const good = { kind: 'good' };
const unchecked = verdict('unchecked', 'could not be checked');

test('versions are judged one by one, in their order, and their bytes stay where they were', async () => {
  const message = Buffer.concat([Buffer.alloc(8), sampleBundle(9).documentsJson]);
  const sample = bundleOf(9, message.subarray(8));
  expect(await checkBundles([broken, sample])).toEqual([verdict('bad', 'not valid'), good]);
  expect(Buffer.compare(sample.documentsJson, sampleBundle(9).documentsJson)).toBe(0);
});

test('no version is good, and none is bad, where the thread cannot be asked', async () => {
  expect(await checkBundles([impossible, sampleBundle(9)])).toEqual([unchecked, unchecked]);
});

test('no version is good, and none is bad, where the thread gives no answer in time', async () => {
  const verdicts = await checkBundles([broken, sampleBundle(9)], { deadlineMs: 0, heapMiB: 512 });
  expect(verdicts).toEqual([unchecked, unchecked]);
});

test('no version is good, and none is bad, where the thread runs out of memory', async () => {
  const limits = { deadlineMs: 30_000, heapMiB: 16 };
  expect(await checkBundles([wide], limits)).toEqual([unchecked]);
});

describe('the thread that checks', () => {
  let threads: Worker[] = [];
  const count = (thread: Worker) => threads.push(thread);
  let checker: BundleChecker;

  beforeEach(() => {
    threads = [];
    process.on('worker', count);
    checker = new BundleChecker();
  });
  afterEach(async () => {
    process.off('worker', count);
    await checker.close();
  });

  it('is started by the first check, and checks what comes later, too', async () => {
    expect(await checker.check([])).toEqual([]);
    expect(threads).toHaveLength(0);
    expect(await checker.check([broken])).toEqual([verdict('bad', 'not valid')]);
    expect(await checker.check([sampleBundle(9)])).toEqual([good]);
    expect(threads).toHaveLength(1);
  });

  it('checks one after the other, in the order in which it is asked', async () => {
    const order: string[] = [];
    const checks = [broken, sampleBundle(9), broken].map(async (bundle, index) => {
      const [found] = await checker.check([bundle]);
      order.push(`${index} ${found?.kind}`);
    });
    await Promise.all(checks);
    expect(order).toEqual(['0 bad', '1 good', '2 bad']);
    expect(threads).toHaveLength(1);
  });

  it('is replaced when it dies in a check, between two, or cannot be asked', async () => {
    const asked = checker.check([sampleBundle(8), broken]);
    await expect.poll(() => threads).toHaveLength(1);
    await threads[0]?.terminate();
    expect(await asked).toEqual([unchecked, unchecked]);
    expect(await checker.check([sampleBundle(9)])).toEqual([good]);
    expect(threads).toHaveLength(2);
    await threads[1]?.terminate();
    expect(await checker.check([impossible])).toEqual([unchecked]);
    expect(await checker.check([sampleBundle(9)])).toEqual([good]);
    expect(threads).toHaveLength(4);
  });

  it('is ended when it misses the time limit, which holds for each check', async () => {
    await checker.close();
    checker = new BundleChecker({ deadlineMs: 0, heapMiB: 512 });
    const first = checker.check([broken]);
    expect(await Promise.all([first, checker.check([broken])])).toEqual([[unchecked], [unchecked]]);
    await expect.poll(() => threads.map(({ threadId }) => threadId)).toEqual([-1, -1]);
  });

  it('is replaced when a version takes more memory than it may have', async () => {
    await checker.close();
    checker = new BundleChecker({ deadlineMs: 30_000, heapMiB: 32 });
    expect(await checker.check([sampleBundle(7)])).toEqual([good]);
    expect(await checker.check([wide])).toEqual([unchecked]);
    expect(await checker.check([sampleBundle(9)])).toEqual([good]);
    expect(threads).toHaveLength(2);
  });

  it('is not kept when it has become large', async () => {
    expect(await checker.check([wide])).toEqual([verdict('bad', 'not valid')]);
    await expect.poll(() => threads.map(({ threadId }) => threadId)).toEqual([-1]);
  });

  it('ends when it is closed, and nothing is checked any more', async () => {
    expect(await checker.check([sampleBundle(8)])).toEqual([good]);
    const asked = checker.check([wide]);
    await setImmediate();
    await checker.close();
    expect(threads.map(({ threadId }) => threadId)).toEqual([-1]);
    expect(await asked).toEqual([unchecked]);
    expect(await checker.check([sampleBundle(9)])).toEqual([unchecked]);
    expect(threads).toHaveLength(1);
  });

  it('does not hold a process', async () => {
    const script = `(async () => {
      const { BundleChecker } = await import('${new URL('./check-bundles.ts', import.meta.url).href}');
      const documentsJson = Buffer.from('{"documents":[{}]}');
      const [{ kind }] = await new BundleChecker().check([{ version: 8, documentsJson }]);
      process.stdout.write(kind);
    })()`;
    const child = run(process.execPath, ['-e', script], { timeout: 20_000 });
    expect((await child).stdout).toBe('bad');
  });
});
