import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Lru } from './lru.ts';

describe('a bounded cache', () => {
  it('drops the entry that was used least recently', () => {
    const cache = new Lru<string, number>({ sizeMax: 2 });
    cache.set('a', 1);
    cache.set('b', 2);
    expect(cache.get('a')).toBe(1);
    cache.set('c', 3);
    expect([cache.get('a'), cache.get('b'), cache.get('c'), cache.size]).toEqual([
      1,
      undefined,
      3,
      2,
    ]);
  });

  it('replaces an entry without dropping another', () => {
    const cache = new Lru<string, number>({ sizeMax: 2 });
    cache.set('a', 1);
    cache.set('b', 2);
    cache.set('b', 3);
    expect([cache.get('a'), cache.get('b')]).toEqual([1, 3]);
  });

  it('never shows an entry at or after its end', () => {
    let now = 0;
    const cache = new Lru<string, number>({ sizeMax: 10, ttlMs: 100, clock: () => now });
    cache.set('life of the cache', 1);
    cache.set('shorter', 2, 50);
    cache.set('not longer', 3, 500);
    now = 49;
    expect(cache.get('shorter')).toBe(2);
    now = 50;
    expect(cache.get('shorter')).toBeUndefined();
    now = 99;
    expect(cache.get('life of the cache')).toBe(1);
    now = 100;
    expect([cache.get('life of the cache'), cache.get('not longer'), cache.size]).toEqual([
      undefined,
      undefined,
      0,
    ]);
  });

  it('holds what a map in the order of use would hold, whatever is done to it', () => {
    const key = fc.integer({ min: 0, max: 6 });
    const step = fc.record({ what: fc.constantFrom('get', 'set', 'delete'), key });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (steps, sizeMax) => {
          const cache = new Lru<number, number>({ sizeMax });
          let model: (readonly [number, number])[] = [];
          for (const [at, { what, key: one }] of steps.entries()) {
            const known = model.find(([name]) => name === one);
            model = model.filter((entry) => entry !== known);
            if (what === 'get') {
              expect(cache.get(one)).toBe(known?.[1]);
              if (known !== undefined) model.push(known);
            } else if (what === 'set') {
              cache.set(one, at);
              model = [...model, [one, at] as const].slice(-sizeMax);
            } else {
              expect(cache.delete(one)).toBe(known !== undefined);
            }
            expect(cache.size).toBe(model.length);
          }
        },
      ),
    );
  });

  it('forgets what it is told to', () => {
    const cache = new Lru<string, number>({ sizeMax: 2 });
    cache.set('a', 1);
    expect([cache.delete('a'), cache.delete('a'), cache.get('a')]).toEqual([
      true,
      false,
      undefined,
    ]);
    cache.set('b', 1);
    cache.clear();
    expect(cache.size).toBe(0);
    expect(() => new Lru({ sizeMax: 0 })).toThrow(RangeError);
  });
});
