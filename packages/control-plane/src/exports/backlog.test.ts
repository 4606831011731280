import { expect, test } from 'vitest';
import { Backlog } from './backlog.ts';
import type { Read } from './parts.ts';

/** Ids as of access records: far apart. */
const ids = [2_048, 2_049, 40_000, 90_000, 90_001];
const between = (_: unknown, after: number, upTo: number) =>
  Promise.resolve(ids.filter((id) => id > after && id <= upTo).length);
const read: Read = (body) => body(null as never);

test('rows that wait are counted as they come and as they are sent, also where a sink stands still', async () => {
  const backlog = new Backlog({ between });
  await backlog.count(read, 0, 40_000);
  expect(backlog.rows(0, 40_000)).toBe(3);
  await backlog.count(read, 0, 90_001);
  expect(backlog.rows(0, 90_001)).toBe(5);
  backlog.took(2, 2_049);
  expect(backlog.rows(2_049, 90_001)).toBe(3);
  // What is sent while it is looked is not counted as waiting.
  const looks = backlog.count(read, 2_049, 100_000);
  backlog.took(3, 90_001);
  await looks;
  expect(backlog.rows(90_001, 90_001)).toBe(0);
  await backlog.count(read, 90_001, 100_000);
  expect(backlog.rows(90_001, 100_000)).toBe(0);
  // Another leader had sent some.
  await backlog.count(read, 2_049, 90_001);
  expect(backlog.rows(2_049, 90_001)).toBe(3);
});

test('ids without gaps are numbers of rows', async () => {
  const backlog = new Backlog({ between: null });
  await backlog.count(read, 3, 10);
  expect([backlog.rows(3, 10), backlog.rows(10, 10)]).toEqual([7, 0]);
});
