import { describe, expect, it } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';

describe('a bounded queue', () => {
  it('gives what came first, as much as is asked for', () => {
    const queue = new BoundedQueue<number>(4);
    for (const item of [1, 2, 3]) queue.push(item);
    expect([queue.take(2), queue.length, queue.take(2), queue.take(2)]).toEqual([
      [1, 2],
      1,
      [3],
      [],
    ]);
  });

  it('lets the oldest go when it is full, and counts them once', () => {
    const queue = new BoundedQueue<number>(4);
    for (let item = 1; item <= 103; item += 1) queue.push(item);
    queue.addDropped(5);
    expect([queue.length, queue.droppedTotal, queue.takeDropped()]).toEqual([4, 99, 104]);
    expect([queue.takeDropped(), queue.take(9)]).toEqual([0, [100, 101, 102, 103]]);
    expect(queue.droppedTotal).toBe(99);
  });
});
