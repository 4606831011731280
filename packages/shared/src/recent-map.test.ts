import { describe, expect, it } from 'vitest';
import { RecentMap } from './recent-map.ts';

describe('a map of what is recent', () => {
  it('never has more than its bound', () => {
    const map = new RecentMap<number, number>(10);
    for (let key = 0; key < 1_000; key += 1) {
      map.set(key, key);
      expect(map.size).toBeLessThanOrEqual(10);
    }
    expect([map.get(999), map.get(0)]).toEqual([999, undefined]);
  });

  it('keeps what is used, however much else comes', () => {
    const map = new RecentMap<number, string>(10);
    map.set(-1, 'used');
    for (let key = 0; key < 100; key += 1) {
      map.set(key, 'once');
      expect(map.get(-1)).toBe('used');
    }
  });

  it('has the newest value of a key, wherever the one before was', () => {
    const map = new RecentMap<number, string>(4);
    map.set(1, 'old');
    map.set(2, 'old');
    map.set(3, 'old');
    map.set(1, 'new');
    map.set(4, 'old');
    map.set(5, 'old');
    expect(map.get(1)).toBe('new');
  });

  it('forgets all that it has', () => {
    const map = new RecentMap<number, string>(4);
    for (const key of [1, 2, 3, 4]) map.set(key, 'kept');
    map.clear();
    expect([map.size, map.get(1), map.get(4)]).toEqual([0, undefined, undefined]);
  });
});
