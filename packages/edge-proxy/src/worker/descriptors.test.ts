import { expect, it } from 'vitest';
import { connectionsByDescriptors, ownConnectionsByDescriptors } from './descriptors.ts';

const limits = (soft: string) =>
  `Limit                     Soft Limit           Hard Limit           Units     \n` +
  `Max file locks            unlimited            unlimited            locks     \n` +
  `Max open files            ${soft.padEnd(21)}1048576              files     \n`;

it.each([
  ['256', 85],
  ['1024', 341],
  ['65536', 32_256],
  ['unlimited', Number.POSITIVE_INFINITY],
])('with %s file descriptors there are enough for %d connections of clients', (soft, expected) => {
  expect(connectionsByDescriptors(limits(soft))).toBe(expected);
});

it('nothing is limited where the kernel does not say, and this one does', () => {
  expect(connectionsByDescriptors('')).toBe(Number.POSITIVE_INFINITY);
  expect(ownConnectionsByDescriptors()).toBeGreaterThan(0);
});
