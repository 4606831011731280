import { describe, expect, it } from 'vitest';
import { alarms, at, DrivenLane, frame, only, shardDigest } from './testing/driven-lane.ts';

describe('the age of the state', () => {
  it('is that of the last verified heartbeat whose head we have, and of its log', () => {
    const lane = new DrivenLane();
    lane.open();
    expect(only(lane.heartbeat(at(10), { logAgeMs: 300 }), 'as_of')).toEqual([
      { type: 'as_of', asOfMs: lane.nowMs - 300 },
    ]);
  });

  it('does not move by a head that we lack, a forged one, or one of another epoch', () => {
    const lane = new DrivenLane();
    lane.open();
    expect(only(lane.heartbeat(at(11)), 'as_of')).toEqual([]);
    expect(only(lane.heartbeat(at(1, 2)), 'as_of')).toEqual([]);
    expect(only(lane.heartbeat(at(10), { verdict: 'forged' }), 'as_of')).toEqual([]);
  });

  it('never goes back', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    expect(only(lane.heartbeat(at(10), { logAgeMs: 5_000 }), 'as_of')).toEqual([]);
  });

  it('does not move by NATS before a stream has shown the replica’s clock', () => {
    const lane = new DrivenLane();
    expect(only(lane.heartbeat(at(10), { path: 'nats' }), 'as_of')).toEqual([]);
  });

  it('counts how long NATS held a heartbeat back', () => {
    const lane = new DrivenLane();
    lane.open();
    // The replica's clock is an hour ahead of ours; that is no age.
    lane.heartbeat(at(10), { sentAtMs: lane.nowMs + 3_600_000 });
    lane.nowMs += 10_000;
    const sentAtMs = lane.nowMs + 3_600_000 - 4_000;
    expect(only(lane.heartbeat(at(10), { path: 'nats', sentAtMs }), 'as_of')).toEqual([
      { type: 'as_of', asOfMs: lane.nowMs - 4_000 },
    ]);
  });

  it('does not move by NATS when the replica’s clock has been set since', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    lane.nowMs += 5_000;
    const sentAtMs = lane.nowMs + 60_000;
    expect(only(lane.heartbeat(at(10), { path: 'nats', sentAtMs }), 'as_of')).toEqual([]);
  });

  it('does not move while our rows are known to differ', () => {
    const lane = new DrivenLane({ digest: shardDigest('ours') });
    lane.open();
    lane.heartbeat(at(10), { digest: shardDigest('theirs') });
    expect(only(lane.effects, 'as_of')).toEqual([]);
    expect(only(lane.heartbeat(at(10)), 'as_of')).toEqual([]);
  });
});

describe('the delay of a heartbeat on a stream', () => {
  it('counts where a frozen process reads what waited for an hour, and the path ends', () => {
    const lane = new DrivenLane();
    lane.open();
    // The replica's clock is an hour ahead of ours; that is no age.
    const clockMs = 3_600_000;
    lane.heartbeat(at(10), { sentAtMs: lane.nowMs + clockMs });
    const frozenAtMs = lane.nowMs;
    lane.nowMs += 3_600_000;
    lane.feed({ type: 'tick', missedMs: 0, unread: [] });
    const beats = [1_000, 2_000].map((ms) =>
      lane.heartbeat(at(10), { sentAtMs: frozenAtMs + ms + clockMs }),
    );
    expect(alarms(beats.flat())).toEqual(['late']);
    // An hour of drift is allowed for: 3.6 s.
    const { asOfMs } = lane.state;
    expect(asOfMs).toBeGreaterThan(frozenAtMs);
    expect(asOfMs).toBeLessThanOrEqual(frozenAtMs + 2_000 + 3_600);
    expect(only(lane.wait(2_000), 'end_path')).toMatchObject([{ reason: 'silence', next: true }]);
  });

  it('does not teach a clock by which a replay on NATS would be fresh', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    const sentAtMs = lane.nowMs + 1_000;
    lane.nowMs += 3_600_000;
    lane.heartbeat(at(10), { sentAtMs });
    const before = lane.state.asOfMs;
    lane.heartbeat(at(10), { path: 'nats', sentAtMs });
    expect(lane.state.asOfMs).toBe(before);
  });

  it('is at the most the age of the stream, and for its first one is counted as that', () => {
    const lane = new DrivenLane();
    const openedAtMs = lane.nowMs;
    lane.open();
    lane.nowMs += 700;
    expect(only(lane.heartbeat(at(10)), 'as_of')).toEqual([{ type: 'as_of', asOfMs: openedAtMs }]);
    lane.nowMs += 1_000;
    expect(only(lane.heartbeat(at(10)), 'as_of')).toEqual([{ type: 'as_of', asOfMs: lane.nowMs }]);
  });

  it('of the first one is not taken for small by a process frozen right after Hello', () => {
    const lane = new DrivenLane();
    const openedAtMs = lane.nowMs;
    lane.open();
    lane.nowMs += 3_600_000;
    lane.feed({ type: 'tick', missedMs: 0, unread: [] });
    const beats = [500, 1_500].map((ms) => lane.heartbeat(at(10), { sentAtMs: openedAtMs + ms }));
    expect(alarms(beats.flat())).toEqual(['late']);
    expect(lane.state.asOfMs).toBe(openedAtMs);
    expect(only(lane.heartbeat(at(10), { path: 'nats', sentAtMs: openedAtMs }), 'as_of')).toEqual(
      [],
    );
    expect(only(lane.wait(5_250), 'end_path')).toMatchObject([{ reason: 'silence' }]);
  });

  it.each([-3_600_000, 3_600_000])(
    'is known again after one new stream when the replica’s clock was set by %d ms',
    (stepMs) => {
      const lane = new DrivenLane();
      lane.open();
      let ends = 0;
      for (let second = 0; second < 60; second += 1) {
        const sentAtMs = lane.nowMs + (second < 10 ? 0 : stepMs);
        const effects = [...lane.heartbeat(at(10), { sentAtMs }), ...lane.wait(1_000)];
        ends += only(effects, 'end_path').length;
        if (lane.state.paths.grpc.phase.kind === 'closed') lane.open();
      }
      expect(ends).toBe(stepMs < 0 ? 1 : 0);
      // A clock set forward leaves it open how long the first heartbeat after it took.
      const slackMs = stepMs < 0 ? 0 : 1_000;
      const ageMs = lane.nowMs - (lane.state.asOfMs ?? 0);
      expect(ageMs).toBeGreaterThanOrEqual(1_000);
      expect(ageMs).toBeLessThanOrEqual(1_000 + slackMs);
    },
  );

  it.each([1_500, 4_000, 8_000])(
    'is not taken for small by a process frozen for %d ms while the replica’s clock was set forward',
    (frozenMs) => {
      const lane = new DrivenLane();
      lane.open();
      lane.heartbeat(at(10));
      const seenMs = lane.nowMs;
      lane.nowMs += frozenMs;
      for (let ms = 500; ms < frozenMs; ms += 1_000) {
        lane.heartbeat(at(10), { sentAtMs: seenMs + ms + 30_000 });
        expect(lane.state.asOfMs).toBeLessThanOrEqual(seenMs + ms);
      }
      expect(lane.state.asOfMs).toBe(seenMs);
      const ends = [0, 1, 2].flatMap(() => [
        ...lane.heartbeat(at(10), { sentAtMs: lane.nowMs + 30_000 }),
        ...lane.wait(1_000),
      ]);
      expect(only(ends, 'end_path')).toHaveLength(frozenMs > 2_000 ? 1 : 0);
    },
  );

  it('does not grow with a clock that runs slower than ours by a part in ten thousand', () => {
    const lane = new DrivenLane();
    lane.open();
    for (let second = 0; second < 3_600; second += 1) {
      lane.heartbeat(at(10), { sentAtMs: lane.nowMs - second * 0.1 });
      expect(lane.nowMs - (lane.state.asOfMs ?? 0)).toBeLessThan(1);
      lane.nowMs += 1_000;
    }
  });
});

describe('a machine that was suspended', () => {
  it('takes its state for older by that time', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    const asOfMs = lane.nowMs;
    lane.nowMs += 250;
    lane.feed({ type: 'tick', missedMs: 3_600_000, unread: [] });
    expect(lane.state.asOfMs).toBe(asOfMs - 3_600_000);
  });

  it('takes what was sent before or meanwhile for old, on streams and by NATS', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    lane.feed({ type: 'tick', missedMs: 3_600_000, unread: [] });
    const sentAtMs = lane.nowMs + 60_000;
    lane.heartbeat(at(10), { sentAtMs });
    lane.heartbeat(at(10), { path: 'nats', sentAtMs });
    expect(lane.state.asOfMs).toBe(lane.nowMs - 3_600_000 + 60_000);
  });

  it('knows that a stream has waited for its first heartbeat all the while', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.feed({ type: 'tick', missedMs: 3_600_000, unread: [] });
    lane.heartbeat(at(10));
    expect(lane.state.asOfMs).toBe(lane.nowMs - 3_600_000);
  });

  it('takes the state for fresh again with the first heartbeat after it', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    lane.feed({ type: 'tick', missedMs: 3_600_000, unread: [] });
    lane.heartbeat(at(10), { sentAtMs: lane.nowMs + 3_600_000 });
    expect(lane.state.asOfMs).toBe(lane.nowMs);
  });
});

describe('a digest', () => {
  it('is compared at the position that it speaks of, as far back as 1,024 revisions', () => {
    const lane = new DrivenLane({ head: at(0) });
    lane.open();
    for (let rev = 1; rev <= 1_100; rev += 1) {
      lane.take(frame(rev), 'grpc', shardDigest(String(rev)));
    }
    const compare = (rev: number, content: string) => {
      lane.heartbeat(at(1_100), { digest: shardDigest(content), digestAt: at(rev) });
      return lane.state.digestAgrees;
    };
    expect(compare(20, 'unknown')).toBeNull();
    expect(compare(100, '100')).toBe(true);
    expect(compare(1_100, '1100')).toBe(true);
    expect(compare(1_000, 'another')).toBe(false);
  });

  it('that differs is an alarm, a NACK, and a comparison of the whole state', () => {
    const lane = new DrivenLane({ digest: shardDigest('ours') });
    lane.open();
    const effects = lane.heartbeat(at(10), { digest: shardDigest('theirs') });
    expect(alarms(effects)).toEqual(['digest']);
    expect(only(effects, 'nack')).toMatchObject([{ nack: { code: 'DIGEST', position: at(10) } }]);
    expect(only(effects, 'hello')).toMatchObject([{ have: { position: null } }]);
  });

  it('that goes on differing is asked about ever more seldom', () => {
    const lane = new DrivenLane({ digest: shardDigest('ours') });
    lane.open();
    let hellos = 0;
    for (let second = 0; second < 120; second += 1) {
      const effects = lane.heartbeat(at(10), { digest: shardDigest('theirs') });
      const ticked = lane.wait(1_000);
      hellos += only([...effects, ...ticked], 'hello').length;
      // The replica has nothing better.
      lane.state = { ...lane.state, fresh: false };
      if (lane.state.paths.grpc.phase.kind !== 'tail') lane.open();
    }
    expect(hellos).toBeGreaterThan(2);
    expect(hellos).toBeLessThan(8);
  });
});

describe('a heartbeat that does not verify', () => {
  it('ends a stream, and is counted alone by NATS', () => {
    const lane = new DrivenLane();
    lane.open();
    expect(lane.heartbeat(at(10), { path: 'nats', verdict: 'forged' })).toMatchObject([
      { type: 'alarm', name: 'forged' },
    ]);
    expect(lane.heartbeat(at(10), { verdict: 'forged' })).toMatchObject([
      { type: 'alarm', name: 'forged' },
      { type: 'end_path', next: true },
    ]);
  });
});

describe('a lost tail', () => {
  it('is noticed from one heartbeat to the next, and asked for', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(12));
    lane.nowMs += 1_000;
    const effects = lane.heartbeat(at(12));
    expect(alarms(effects)).toEqual(['lost_tail']);
    expect(only(effects, 'hello')).toMatchObject([{ have: { position: at(10) } }]);
  });

  it('is none as long as something comes', () => {
    const lane = new DrivenLane();
    lane.open();
    for (let rev = 11; rev < 20; rev += 1) {
      expect(alarms(lane.heartbeat(at(100)))).toEqual([]);
      lane.take(frame(rev));
      lane.nowMs += 1_000;
    }
  });

  it('that asking does not bring sends the edge to another replica', () => {
    const lane = new DrivenLane();
    lane.open();
    const effects = Array.from({ length: 8 }, () => {
      lane.nowMs += 1_000;
      const beat = lane.heartbeat(at(12));
      if (lane.state.paths.grpc.phase.kind === 'greeting') lane.resume('tail', at(12));
      return beat;
    }).flat();
    expect(only(effects, 'hello')).toHaveLength(2);
    expect(only(effects, 'end_path')).toMatchObject([{ reason: 'lost_tail', next: true }]);
  });

  it('is told with its epoch, and is none where another epoch has begun, which is asked for', () => {
    const lane = new DrivenLane({ head: at(7) });
    lane.open();
    lane.heartbeat(at(1, 2));
    lane.nowMs += 1_000;
    const effects = lane.heartbeat(at(1, 2));
    expect(alarms(effects)).toEqual([]);
    expect(only(effects, 'hello')).toMatchObject([{ have: { position: at(7) } }]);
    const same = new DrivenLane({ head: at(7, 3) });
    same.open();
    same.heartbeat(at(9, 3));
    same.nowMs += 1_000;
    expect(only(same.heartbeat(at(9, 3)), 'alarm')).toMatchObject([
      { name: 'lost_tail', detail: 'nothing after revision 7, newest is 9 of the epoch 3' },
    ]);
  });

  it('shows by NATS too, when the stream’s replica knows nothing of it', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(12), { path: 'nats' });
    lane.nowMs += 1_000;
    lane.heartbeat(at(10));
    expect(only(lane.heartbeat(at(12), { path: 'nats' }), 'hello')).toHaveLength(1);
  });
});

describe('a replica that was rolled back', () => {
  it('is noticed within two seconds, and left', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.nowMs += 1_000;
    expect(alarms(lane.heartbeat(at(8)))).toEqual([]);
    lane.nowMs += 1_000;
    const effects = lane.heartbeat(at(8));
    expect(alarms(effects)).toEqual(['rollback']);
    expect(only(effects, 'end_path')).toMatchObject([{ reason: 'rollback', next: true }]);
  });

  it('is not one that has only not seen the database since', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    for (let second = 1; second <= 5; second += 1) {
      lane.nowMs += 1_000;
      expect(alarms(lane.heartbeat(at(10), { logAgeMs: second * 1_000 }))).toEqual([]);
    }
  });

  it('does not make the state look fresh', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.nowMs += 1_000;
    expect(only(lane.heartbeat(at(8)), 'as_of')).toEqual([]);
  });

  it('in an earlier epoch is one, too', () => {
    const lane = new DrivenLane({ head: at(3, 7) });
    lane.open();
    lane.nowMs += 1_000;
    lane.heartbeat(at(500, 6));
    lane.nowMs += 1_000;
    expect(alarms(lane.heartbeat(at(500, 6)))).toEqual(['rollback']);
  });
});
