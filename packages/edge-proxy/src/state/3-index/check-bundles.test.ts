import { expect, test } from 'vitest';
import { bundleOf, sampleBundle } from '../../testing/sample-state.ts';
import { checkBundles } from './check-bundles.ts';

const broken = bundleOf(8, Buffer.from('{"documents":[{}]}'));

test('versions are judged one by one, in their order', async () => {
  const [first, second] = await checkBundles([broken, sampleBundle(9)]);
  expect(first).toContain('not valid');
  expect(second).toBe(null);
});

test('no version is good where the thread gives no answer', async () => {
  const impossible = { version: (() => 8) as never, documentsJson: new Uint8Array() };
  const problems = await checkBundles([impossible, sampleBundle(9)]);
  expect(problems).toEqual([
    expect.stringContaining('could not be checked'),
    expect.stringContaining('could not be checked'),
  ]);
});
