import type { Block } from '@sallyport/shared/state/model';
import { expect, test } from 'vitest';
import { LeavingDenials } from './leaving-denials.ts';

const nothing = { epoch: 1, denials: [], early: [] };
const blocks = (name: string, count: number): Block[] =>
  Array.from({ length: count }, (_, index) => {
    const revocationId = `${name} ${index}`;
    return { op: 'block', revocationId, kind: 'user', subjectId: 'usr_a', expiresAtMs: null };
  });

test('what is being added is kept, however much it is', () => {
  const leaving = new LeavingDenials(
    () => new Promise(() => undefined),
    () => undefined,
  );
  const first = { ...nothing, denials: blocks('first', 10) };
  const large = { ...nothing, denials: blocks('large', 300_000) };
  expect([leaving.add(first), leaving.add(large)]).toEqual([true, true]);
  expect(leaving.beside(nothing, () => false).denials).toHaveLength(300_000);
});

test('what is kept at the same time goes together, when it is', async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let gone = 0;
  const leaving = new LeavingDenials(
    () => promise,
    () => {
      gone += 1;
    },
  );
  for (let index = 0; index < 100; index += 1) {
    leaving.add({ ...nothing, denials: blocks(`${index}`, 1) });
  }
  expect(leaving.beside(nothing, () => false).denials).toHaveLength(100);
  resolve();
  await promise;
  expect([gone, leaving.empty]).toEqual([1, true]);
});
