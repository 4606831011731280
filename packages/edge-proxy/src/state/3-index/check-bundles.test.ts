import { expect, test } from 'vitest';
import { bundleOf, sampleBundle } from '../../testing/sample-state.ts';
import { type BundleVerdict, checkBundles } from './check-bundles.ts';

const broken = bundleOf(8, Buffer.from('{"documents":[{}]}'));
const verdict = (kind: BundleVerdict['kind'], problem: string): unknown => {
  return { kind, problem: expect.stringContaining(problem) as unknown };
};
const unchecked = verdict('unchecked', 'could not be checked');

test('versions are judged one by one, in their order', async () => {
  expect(await checkBundles([broken, sampleBundle(9)])).toEqual([
    verdict('bad', 'not valid'),
    { kind: 'good' },
  ]);
});

test('no version is good, and none is bad, where the thread cannot be started', async () => {
  const impossible = { version: (() => 8) as never, documentsJson: new Uint8Array() };
  expect(await checkBundles([impossible, sampleBundle(9)])).toEqual([unchecked, unchecked]);
});

test('no version is good, and none is bad, where the thread gives no answer in time', async () => {
  const verdicts = await checkBundles([broken, sampleBundle(9)], { deadlineMs: 0, heapMiB: 512 });
  expect(verdicts).toEqual([unchecked, unchecked]);
});

test('no version is good, and none is bad, where the thread runs out of memory', async () => {
  // Within the size of a bundle, and some hundred times that as objects.
  const wide = Buffer.from(`{"documents":[${'{"a":[[],[],[],[]]},'.repeat(120_000)}{}]}`);
  const limits = { deadlineMs: 30_000, heapMiB: 16 };
  expect(await checkBundles([bundleOf(8, wide)], limits)).toEqual([unchecked]);
});
