import { describe, expect, it } from 'vitest';
import type { Received } from './exchange.ts';
import { ExchangeList } from './exchange-list.ts';

const some = (count: number) => Array.from({ length: count }, () => ({}) as Received);

describe('the exchanges of a connection', () => {
  it('are there in the order in which they came, each until it goes', () => {
    const list = new ExchangeList();
    const [a, b, c, d] = some(4) as [Received, Received, Received, Received];
    for (const one of [a, b, c]) list.add(one);
    list.delete(b);
    list.delete(b);
    list.delete(d);
    list.add(d);
    expect([...list]).toEqual([a, c, d]);
    expect([...list][1]).toBe(c);
    for (const one of [a, d, c]) list.delete(one);
    expect([list.size, [...list]]).toEqual([0, []]);
  });

  it('can go while they are looked at', () => {
    const list = new ExchangeList();
    const all = some(5);
    for (const one of all) list.add(one);
    const seen: Received[] = [];
    for (const one of list) {
      seen.push(one);
      list.delete(one);
    }
    expect(seen.map((one, at) => one === all[at])).toEqual(all.map(() => true));
    expect(list.size).toBe(0);
  });
});
