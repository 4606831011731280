import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { takeInOrder } from './in-order.ts';

/** Items that are taken when the test says so. */
function world(count: number, atOnceMax = 2) {
  const read: number[] = [];
  const taken = new Map<number, PromiseWithResolvers<string>>();
  const done: number[] = [];
  const answers: string[] = [];
  let barred = false;
  async function* items() {
    for (let item = 1; item <= count; item += 1) {
      read.push(item);
      yield item;
    }
  }
  const all = takeInOrder(items(), {
    atOnceMax,
    admit: async () => {
      if (barred) throw new Error('barred');
    },
    take: (item: number, before) => {
      const one = Promise.withResolvers<string>();
      taken.set(item, one);
      before.then(
        () => done.push(item),
        () => undefined,
      );
      return one.promise;
    },
    answer: (answer) => answers.push(answer),
  });
  const ended = all.then(
    () => 'answered',
    (error: Error) => error.message,
  );
  return {
    read,
    answers,
    done,
    ended,
    bar: () => {
      barred = true;
    },
    underWay: () => [...taken.keys()],
    finish: async (item: number, error?: string) => {
      const one = taken.get(item);
      if (error === undefined) one?.resolve(`answer ${item}`);
      else one?.reject(new Error(error));
      await setImmediate();
    },
  };
}

test('so many are under way at the most, and the next is read when the oldest is answered', async () => {
  const { read, underWay, answers, done, ended, finish } = world(4);
  await setImmediate();
  expect([read, underWay()]).toEqual([
    [1, 2],
    [1, 2],
  ]);
  await finish(2);
  expect([answers, read, done]).toEqual([[], [1, 2], [1]]);
  await finish(1);
  expect([answers, done]).toEqual([
    ['answer 1', 'answer 2'],
    [1, 2, 3],
  ]);
  expect(underWay()).toEqual([1, 2, 3, 4]);
  for (const item of [3, 4]) await finish(item);
  expect(await ended).toBe('answered');
  expect(answers).toHaveLength(4);
});

test('where one fails, none after it is answered and none is begun', async () => {
  const { underWay, answers, ended, finish } = world(9, 3);
  await setImmediate();
  await finish(2);
  await finish(3);
  await finish(1, 'no room');
  expect(await ended).toBe('no room');
  expect([answers, underWay()]).toEqual([[], [1, 2, 3]]);
});

test('what came before one that fails is answered', async () => {
  const { answers, underWay, ended, finish } = world(9, 3);
  await setImmediate();
  await finish(2, 'broken');
  await finish(3);
  await finish(1);
  expect(await ended).toBe('broken');
  expect([answers, underWay()]).toEqual([['answer 1'], [1, 2, 3]]);
});

test('each is admitted, also in the middle', async () => {
  const { answers, underWay, ended, bar, finish } = world(9, 1);
  await setImmediate();
  bar();
  await finish(1);
  expect(await ended).toBe('barred');
  expect([answers, underWay()]).toEqual([['answer 1'], [1]]);
});
