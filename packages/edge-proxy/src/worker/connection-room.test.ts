import { parseAddress } from '@sallyport/policy';
import { describe, expect, it } from 'vitest';
import { ConnectionRoom } from './connection-room.ts';

function address(text: string) {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(text);
  return parsed;
}

describe('the room for connections', () => {
  it('is one for all workers', () => {
    const first = new ConnectionRoom();
    const second = new ConnectionRoom(first.shared);
    first.descriptorsMax = 7;
    expect(second.descriptorsMax).toBe(7);
    expect([first.enter(2), second.enter(2), first.enter(2)]).toEqual([true, true, false]);
    second.leave();
    expect([first.open, first.enter(2)]).toEqual([1, true]);
  });

  it('has as much beside that for connections to upstreams', () => {
    const first = new ConnectionRoom();
    const second = new ConnectionRoom(first.shared);
    first.descriptorsMax = 2;
    expect([first.enter(2), first.enter(2), first.enter(2)]).toEqual([true, true, false]);
    expect([first.enterUpstream(), second.upstreamFull]).toEqual([true, false]);
    expect([second.enterUpstream(), first.upstreamFull]).toEqual([true, true]);
    expect([first.enterUpstream(), second.enterUpstream()]).toEqual([false, false]);
    second.leaveUpstream();
    expect([first.upstreams, first.upstreamFull, first.enterUpstream()]).toEqual([1, false, true]);
  });

  it('counts IPv4 by address and IPv6 by network', () => {
    const room = new ConnectionRoom();
    const enter = (text: string) => room.enterBucketOf(address(text), 1);
    const first = enter('198.51.100.7');
    expect(first).not.toBeNull();
    expect(enter('::ffff:198.51.100.7')).toBeNull();
    expect(enter('198.51.100.8')).not.toBeNull();
    expect(enter('2001:db8::1')).not.toBeNull();
    expect(enter('2001:db8::ffff:1')).toBeNull();
    expect(enter('2001:db8:0:1::1')).not.toBeNull();
    room.leaveBucket(first ?? 0);
    expect(enter('198.51.100.7')).not.toBeNull();
  });

  it('spreads neighbours over its buckets', () => {
    const room = new ConnectionRoom();
    const buckets = new Set<number | null>();
    for (let at = 0; at < 4_096; at += 1) {
      buckets.add(room.enterBucketOf(address(`10.0.${at >> 8}.${at & 255}`), 4_096));
    }
    // 4,096 at random would take 3,970 of 65,536.
    expect(buckets.size).toBeGreaterThan(3_500);
  });
});
