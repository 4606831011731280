import { describe, expect, it } from 'vitest';
import { heldBytes } from '../../request/testing/memory.ts';
import { type Queueable, RecordQueue } from './record-queue.ts';

interface Item extends Queueable {
  readonly json: string;
}

const item = (json: string, denial: boolean, records = 1): Item => ({
  json,
  denial,
  records,
  bytes: json.length,
});
const permit = (json: string) => item(json, false);
const denial = (json: string) => item(json, true);
const texts = (queue: RecordQueue<Item>) => queue.take(100, 1_000_000).map(({ json }) => json);

describe('the queue of access records', () => {
  it('gives records out in the order in which they came', () => {
    const queue = new RecordQueue<Item>(10, 1_000);
    for (const record of [permit('1'), denial('2'), permit('3'), denial('4')]) queue.push(record);
    expect(texts(queue)).toEqual(['1', '2', '3', '4']);
  });

  it('drops permits before denials when it is full, the oldest first, and counts both', () => {
    const queue = new RecordQueue<Item>(3, 1_000);
    for (const record of [denial('1'), permit('2'), permit('3'), denial('4'), denial('5')]) {
      queue.push(record);
    }
    queue.push(denial('6'));
    expect(texts(queue)).toEqual(['4', '5', '6']);
    expect(queue.takeDropped()).toEqual({ permits: 2, denials: 1 });
    expect(queue.takeDropped()).toEqual({ permits: 0, denials: 0 });
    expect(queue.droppedTotal).toEqual({ permits: 2, denials: 1 });
  });

  it('drops a new permit rather than a denial', () => {
    const queue = new RecordQueue<Item>(2, 1_000);
    for (const record of [denial('1'), denial('2'), permit('3')]) queue.push(record);
    expect(texts(queue)).toEqual(['1', '2']);
  });

  it('counts every record of items that hold several', () => {
    const queue = new RecordQueue<Item>(10, 1_000);
    for (const text of ['a', 'b', 'c']) queue.push(item(text, text === 'a', 4));
    expect(queue.length).toBe(8);
    expect(queue.takeDropped()).toEqual({ permits: 4, denials: 0 });
    expect(queue.take(4, 1_000).map(({ json }) => json)).toEqual(['a']);
    expect(texts(queue)).toEqual(['c']);
  });

  it('is bounded in bytes as well, and gives out batches of a bounded size', () => {
    const queue = new RecordQueue<Item>(1_000, 50);
    for (let index = 0; index < 20; index += 1) queue.push(permit('0123456789'));
    expect(queue.length).toBe(5);
    expect(queue.take(100, 25)).toHaveLength(2);
    expect(queue.take(2, 1_000)).toHaveLength(2);
    expect(queue.take(100, 1)).toHaveLength(1);
    expect(queue.take(100, 1)).toHaveLength(0);
  });

  it('lets go at once of what was taken out', async () => {
    const queue = new RecordQueue<Item>(10, 1_000);
    const taken = () => {
      queue.push(permit('large'));
      return queue.take(1, 1_000).map((one) => new WeakRef(one));
    };
    const [one] = taken();
    // What was made or read in a turn lives until its end.
    await new Promise(setImmediate);
    heldBytes();
    expect(one?.deref()).toBeUndefined();
  });
});
