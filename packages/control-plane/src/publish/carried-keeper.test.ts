import type { Block } from '@sallyport/shared/state/model';
import { expect, test } from 'vitest';
import { testLog } from '../testing/database.ts';
import { createCarriedKeeper } from './carried-keeper.ts';

const listOf = (subjectId: string): readonly Block[] => [
  { op: 'block', revocationId: 'rev_1', kind: 'user', subjectId, expiresAtMs: null },
];

test('an edge that never stops saying its list keeps no other edge waiting', async () => {
  const turns: string[] = [];
  const done = Promise.withResolvers<void>();
  const keeper = createCarriedKeeper({
    adopt: async (edgeId) => {
      turns.push(edgeId);
      // Whenever it had its turn, its next list is there already.
      keeper.take('loud', listOf(`usr_${turns.length}`));
      if (edgeId === 'last' || turns.length > 20) done.resolve();
    },
    monotonic: () => 0,
    log: testLog,
  });
  keeper.take('loud', listOf('usr_0'));
  for (const edgeId of ['first', 'second', 'last']) keeper.take(edgeId, listOf('usr_a'));
  await done.promise;
  expect(turns).toEqual(['loud', 'first', 'second', 'last']);
  keeper.stop();
});

test('a list that cannot be adopted goes behind the others, and is tried again', async () => {
  const turns: string[] = [];
  const done = Promise.withResolvers<void>();
  const keeper = createCarriedKeeper({
    adopt: async (edgeId) => {
      turns.push(edgeId);
      if (edgeId === 'bad' && turns.length < 4) throw new Error('not this one');
      if (edgeId === 'bad') done.resolve();
    },
    monotonic: () => performance.now(),
    log: testLog,
    edgeEveryMs: 300,
  });
  keeper.take('bad', listOf('usr_a'));
  for (const edgeId of ['good', 'better']) keeper.take(edgeId, listOf('usr_a'));
  await done.promise;
  expect(turns.slice(0, 3)).toEqual(['bad', 'good', 'better']);
  expect(turns.at(-1)).toBe('bad');
  keeper.stop();
});

test('the newest list of an edge is the one that is adopted', async () => {
  const adopted: string[] = [];
  const first = Promise.withResolvers<void>();
  const done = Promise.withResolvers<void>();
  const keeper = createCarriedKeeper({
    adopt: async (edgeId, blocks) => {
      if (edgeId === 'other') return first.promise;
      adopted.push(blocks[0]?.subjectId ?? '');
      done.resolve();
    },
    monotonic: () => 0,
    log: testLog,
  });
  keeper.take('other', listOf('usr_a'));
  for (const subject of ['usr_1', 'usr_2']) keeper.take('edge', listOf(subject));
  first.resolve();
  await done.promise;
  expect(adopted).toEqual(['usr_2']);
  keeper.stop();
});
