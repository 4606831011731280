import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Permit } from '@sallyport/policy';
import { afterAll, describe, expect, it } from 'vitest';
import type { Permitted } from '../exchange.ts';
import { ExchangeList } from '../exchange-list.ts';
import { OpenExchanges } from './open-exchanges.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as (options?: { readonly type: 'minor' }) => void;
afterAll(() => setFlagsFromString('--no-expose-gc'));

const exchangeBytes = 8_000;
const exchange = () =>
  ({
    permit: {} as Permit,
    progress: { openAt: null },
    ballast: Array.from({ length: exchangeBytes / 8 }, Math.random),
  }) as unknown as Permitted;

const heldBytes = () => getHeapStatistics().used_heap_size;

/** What is left on the heap by so many exchanges, of which 32 at a time are under way. */
function leftBy(count: number, add: (one: Permitted) => void, remove: (one: Permitted) => void) {
  const open = Array.from({ length: 32 }, exchange);
  for (const one of open) add(one);
  // What they are kept in is old now.
  collect();
  collect();
  const before = heldBytes();
  for (let at = 0; at < count; at += 1) {
    const [one] = open.splice(at % open.length, 1, exchange());
    if (one !== undefined) remove(one);
    add(open[at % open.length] as Permitted);
    // Only of what is young: the rest is collected once in a long while.
    if (at % 100 === 0) collect({ type: 'minor' });
  }
  collect({ type: 'minor' });
  collect({ type: 'minor' });
  return heldBytes() - before;
}

describe('exchanges that have ended', () => {
  const count = 3_000;
  const most = (count * exchangeBytes) / 4;

  it('are kept alive by nothing that held them while they were permitted', () => {
    const open = new OpenExchanges({ judgeAgain: () => null, cut: () => undefined });
    expect(leftBy(count, open.add.bind(open), open.remove.bind(open))).toBeLessThan(most);
    expect(open.size).toBe(32);
  });

  it('are kept alive by nothing of their connection', () => {
    const list = new ExchangeList();
    expect(leftBy(count, list.add.bind(list), list.delete.bind(list))).toBeLessThan(most);
    expect(list.size).toBe(32);
  });
});
