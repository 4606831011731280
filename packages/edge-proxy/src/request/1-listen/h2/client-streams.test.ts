import { describe, expect, it } from 'vitest';
import { ClientStreams } from './client-streams.ts';

describe('the streams on which a client may still send', () => {
  it('are those whose end has not come', () => {
    const streams = new ClientStreams();
    streams.open(5);
    streams.begun(5);
    expect([streams.isLate(5), streams.mayGoOn(5)]).toEqual([true, true]);
    expect([streams.isLate(3), streams.mayGoOn(3)]).toEqual([true, false]);
    expect([streams.isLate(0), streams.isLate(7)]).toEqual([false, false]);
    streams.end(5);
    expect(streams.mayGoOn(5)).toBe(false);
    // Trailers open nothing anew.
    streams.open(5);
    expect(streams.mayGoOn(5)).toBe(false);
  });

  it('are also those that we have reset, but not without end', () => {
    const streams = new ClientStreams();
    for (let id = 1; id <= 2_003; id += 2) {
      streams.open(id);
      streams.begun(id);
      if (id > 1) streams.reset(id);
    }
    // What nobody has reset is there for as long as it likes.
    expect([1, 3, 5, 2_003].map((id) => streams.mayGoOn(id))).toEqual([true, false, true, true]);
    streams.reset(1);
    streams.end(1);
    expect(streams.mayGoOn(1)).toBe(false);
  });
});
