import type { LookupAddress } from 'node:dns';
import { describe, expect, it } from 'vitest';
import type { Lookup } from './lookup.ts';
import { RememberedLookup } from './remembered-lookup.ts';

const one = [{ address: '192.0.2.1', family: 4 }];
const two = [{ address: '192.0.2.2', family: 4 }];

/** A resolver that answers what it is told, or nothing until it is told. */
class Resolver {
  asked: string[] = [];
  answer: readonly LookupAddress[] | Error | null = one;
  readonly waiting: (() => void)[] = [];
  nowMs = 1_000;
  readonly remembered = new RememberedLookup(
    (...question) => this.#resolve(...question),
    () => this.nowMs,
  );

  #resolve: Lookup = (hostname, _options, callback) => {
    this.asked.push(hostname);
    const tell = (): void => {
      if (this.answer instanceof Error) callback(this.answer, '', 0);
      else callback(null, [...(this.answer ?? [])]);
    };
    if (this.answer === null) this.waiting.push(tell);
    else queueMicrotask(tell);
  };

  find(hostname = 'wiki.corp.example'): Promise<string> {
    return new Promise((resolve, reject) => {
      this.remembered.lookup(hostname, { all: true }, (error, answer) => {
        if (error !== null) reject(error);
        else resolve((answer as LookupAddress[]).map(({ address }) => address).join());
      });
    });
  }
}

const failure = Object.assign(new Error('no resolver'), { code: 'EAI_AGAIN' });

describe('a remembered lookup', () => {
  it('asks anew when an answer is older than five seconds, and follows a change', async () => {
    const resolver = new Resolver();
    expect(await resolver.find()).toBe('192.0.2.1');
    resolver.answer = two;
    resolver.nowMs += 4_999;
    expect(await resolver.find()).toBe('192.0.2.1');
    resolver.nowMs += 1;
    expect(await resolver.find()).toBe('192.0.2.2');
    expect(resolver.asked.length).toBe(2);
  });

  it('goes on with the last good answer for an hour while there is no new one (F34)', async () => {
    const resolver = new Resolver();
    await resolver.find();
    resolver.answer = failure;
    resolver.nowMs += 3_599_000;
    expect(await resolver.find()).toBe('192.0.2.1');
    resolver.nowMs += 1_000;
    await expect(resolver.find()).rejects.toBe(failure);
    resolver.answer = two;
    expect(await resolver.find()).toBe('192.0.2.2');
  });

  it('fails where there never was an answer', async () => {
    const resolver = new Resolver();
    resolver.answer = failure;
    await expect(resolver.find()).rejects.toBe(failure);
  });

  it('does not wait long for a resolver that is silent, where it has an answer (F34)', async () => {
    const resolver = new Resolver();
    await resolver.find();
    resolver.answer = null;
    resolver.nowMs += 10_000;
    expect(await resolver.find()).toBe('192.0.2.1');
    expect(resolver.asked.length).toBe(2);
  });

  it('asks once for all who want the same name, and for two names at a time', async () => {
    const resolver = new Resolver();
    resolver.answer = null;
    const names = ['a', 'a', 'b', 'c', 'd', 'a'];
    const found = Promise.all(names.map((name) => resolver.find(name)));
    await expect.poll(() => resolver.asked, { timeout: 20_000 }).toEqual(['a', 'b']);
    resolver.answer = one;
    for (const tell of resolver.waiting) tell();
    expect(new Set(await found)).toEqual(new Set(['192.0.2.1']));
    expect(resolver.asked).toEqual(['a', 'b', 'c', 'd']);
  });
});
