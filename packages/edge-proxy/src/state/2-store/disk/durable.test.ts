import { expect, test } from 'vitest';
import { Durable } from './durable.ts';

test('who waits for the same gets the same promise', () => {
  const durable = new Durable();
  expect(durable.wait()).toBe(null);
  durable.changed();
  const first = durable.wait();
  expect(durable.wait()).toBe(first);
  durable.changed();
  expect(durable.wait()).not.toBe(first);
});

test('waits are bounded: the last ones end together, and none too early', async () => {
  const durable = new Durable();
  const waits = Array.from({ length: 1_000 }, () => {
    durable.changed();
    return durable.wait();
  });
  expect(new Set(waits).size).toBe(64);
  const woken: number[] = [];
  for (const [index, wait] of waits.entries()) void wait?.then(() => woken.push(index));
  durable.reached(999);
  await waits[62];
  expect(woken).toEqual(Array.from({ length: 63 }, (_, index) => index));
  durable.reached(1_000);
  await waits[63];
  expect(woken).toHaveLength(1_000);
});
