import { createHash } from 'node:crypto';
import type { Position } from '@sallyport/shared/state/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type LaneTracker,
  onFrame,
  onHeartbeatHead,
  onResume,
  onShard,
  startTracker,
} from './lane-tracker.ts';

const at = (rev: number, epoch = 1): Position => ({ epoch, rev });
const bytes = (text: string): Uint8Array => Buffer.from(text);
const frame = (rev: number, body = `frame ${rev}`, prevRev = rev - 1, epoch = 1) => ({
  epoch,
  prevRev,
  rev,
  body: bytes(body),
});
const shard = (index: number, count: number, position = at(7), body = `shard ${index}`) => ({
  position,
  index,
  count,
  body: bytes(body),
  sha256: createHash('sha256').update(body).digest(),
});
const tailing = (head: Position): LaneTracker =>
  onResume(startTracker('revoke', head), 'tail', head).tracker;

describe('a lane that follows the tail', () => {
  it('takes a frame whose previous revision is its head, and only then', () => {
    const taken = onFrame(tailing(at(4)), frame(5));
    expect(taken.step).toMatchObject({ action: 'frame', position: at(5) });
    expect(taken.tracker.head).toEqual(at(5));
    expect(onFrame(taken.tracker, frame(7)).step).toEqual({
      action: 'resync',
      reason: 'gap',
      fresh: false,
    });
  });

  it('takes a frame that covers several revisions at once', () => {
    const taken = onFrame(tailing(at(4)), frame(9, 'bulk', 4));
    expect(taken.tracker.head).toEqual(at(9));
  });

  it('drops a replay of the same bytes and asks for everything when the bytes differ', () => {
    const { tracker } = onFrame(tailing(at(4)), frame(5));
    expect(onFrame(tracker, frame(5)).step).toEqual({ action: 'replay', position: at(5) });
    expect(onFrame(tracker, frame(5, 'other bytes')).step).toEqual({
      action: 'resync',
      reason: 'fork',
      fresh: true,
    });
    expect(onFrame(tracker, frame(3)).step).toEqual({ action: 'replay', position: at(3) });
  });

  it('asks for everything when the epoch is another', () => {
    expect(onFrame(tailing(at(4)), frame(5, 'x', 4, 2)).step).toEqual({
      action: 'resync',
      reason: 'epoch',
      fresh: true,
    });
  });

  it('notices a tail that got lost, but gives it the time of a few heartbeats', () => {
    let tracker = tailing(at(4));
    for (let beat = 1; beat < 5; beat += 1) {
      const stepped = onHeartbeatHead(tracker, at(5));
      expect(stepped.step).toEqual({ action: 'none' });
      ({ tracker } = stepped);
    }
    expect(onHeartbeatHead(tracker, at(5)).step).toMatchObject({ reason: 'lost_tail' });
    const late = onFrame(tracker, frame(5)).tracker;
    expect(onHeartbeatHead(late, at(5)).step).toEqual({ action: 'none' });
  });

  it('keeps what it has when a replica is behind it', () => {
    const stepped = onHeartbeatHead(tailing(at(4)), at(2));
    expect(stepped.step).toEqual({ action: 'wait' });
    expect(stepped.tracker.head).toEqual(at(4));
    const resumed = onResume(startTracker('revoke', at(4)), 'wait', at(2));
    expect(resumed.step).toEqual({ action: 'wait' });
    expect(resumed.tracker.head).toEqual(at(4));
  });

  it('never moves back and never skips, whatever frames come', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(12), fc.nat(12))), (frames) => {
        let tracker = tailing(at(5));
        for (const [prevRev, rev] of frames) {
          const before = tracker.head;
          const stepped = onFrame(tracker, frame(rev, `frame ${rev}`, prevRev));
          const moved = stepped.tracker.head?.rev !== before?.rev;
          expect(moved).toBe(stepped.step.action === 'frame');
          if (moved) expect([prevRev, rev > prevRev]).toEqual([before?.rev, true]);
          tracker = stepped.tracker;
        }
      }),
    );
  });
});

describe('a lane that gets its whole state', () => {
  const asking = onResume(startTracker('directory', null), 'shards', at(7)).tracker;

  it('is handed the shards together, when the last is there', () => {
    const first = onShard(asking, shard(0, 2));
    expect(first.step).toEqual({ action: 'none' });
    expect(first.tracker.head).toBeNull();
    const last = onShard(first.tracker, shard(1, 2));
    expect(last.step).toMatchObject({ action: 'shards', position: at(7) });
    expect(last.tracker.head).toEqual(at(7));
    expect(onFrame(last.tracker, frame(8)).step).toMatchObject({ action: 'frame' });
  });

  it('refuses a shard whose bytes do not have the hash it says', () => {
    const forged = { ...shard(0, 1), body: bytes('forged') };
    expect(onShard(asking, forged).step).toMatchObject({ action: 'refuse', code: 'DIGEST' });
  });

  it('refuses shards out of order or of two positions', () => {
    expect(onShard(asking, shard(1, 2)).step).toMatchObject({ reason: 'unexpected' });
    const first = onShard(asking, shard(0, 2)).tracker;
    expect(onShard(first, shard(1, 2, at(8))).step).toMatchObject({ reason: 'unexpected' });
  });

  it('refuses a count beyond all reason', () => {
    expect(onShard(asking, shard(0, 1_000_000)).step).toMatchObject({ code: 'LIMIT' });
  });

  it('does not take frames before its state is complete', () => {
    expect(onFrame(asking, frame(8)).step).toMatchObject({ reason: 'unexpected' });
  });
});
