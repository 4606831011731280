import { describe, expect, it } from 'vitest';
import { frameNeedsVerifying, laneHello } from './edge-lane.ts';
import { edgeLimits } from './edge-limits.ts';
import { bodySha256 } from './signing.ts';
import {
  alarms,
  at,
  DrivenLane,
  earlyFrame,
  frame,
  manifest,
  only,
} from './testing/driven-lane.ts';

describe('a frame', () => {
  it('is applied where it follows the head, and moves the head when it is', () => {
    const lane = new DrivenLane();
    lane.open();
    expect(lane.frame(frame(11))).toMatchObject([{ type: 'apply', path: 'grpc' }]);
    expect(lane.state.head).toEqual(at(10));
    lane.feed({ type: 'applied', digest: null });
    expect(lane.state).toMatchObject({ head: at(11), mark: at(11), proof: { rev: 11 } });
  });

  it('counts once, whichever paths it comes by', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.open('standby');
    expect(only(lane.take(frame(11), 'nats'), 'apply')).toHaveLength(1);
    for (const path of ['grpc', 'standby', 'nats'] as const) {
      expect(lane.take(frame(11), path)).toEqual([]);
    }
  });

  it('that is known need not be verified again', () => {
    const lane = new DrivenLane();
    lane.take(frame(11));
    const needs = (content: string) =>
      frameNeedsVerifying(lane.state, frame(11, content), bodySha256(Buffer.from(content)));
    expect([needs('ops 11'), needs('another')]).toEqual([false, true]);
  });

  it('for a position that we have with other bytes is a fork: Hello goes out with our proof', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    const effects = lane.frame(frame(11, 'another'), 'nats');
    expect(alarms(effects)).toEqual(['fork']);
    expect(only(effects, 'hello')).toMatchObject([
      { path: 'grpc', have: { position: at(11), proof: { rev: 11 } } },
    ]);
    expect(lane.state.head).toEqual(at(11));
  });

  it('that differs again asks for the whole state, not before its time', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    lane.frame(frame(11, 'another'), 'nats');
    lane.resume('tail', at(11));
    expect(only(lane.frame(frame(11, 'another'), 'nats'), 'hello')).toEqual([]);
    lane.heartbeat(at(11));
    const effects = Array.from({ length: 6 }, () => {
      const waited = lane.wait(1_000);
      lane.heartbeat(at(11));
      return waited;
    }).flat();
    expect(only(effects, 'hello')).toMatchObject([{ have: { position: null } }]);
  });

  it('of an earlier epoch is refused, whoever sends it', () => {
    const lane = new DrivenLane({ head: at(3, 7) });
    lane.open();
    expect(alarms(lane.frame(frame(4, 'old', 6), 'nats'))).toEqual(['replay']);
    expect(alarms(lane.frame(frame(4, 'old', 6), 'grpc'))).toEqual(['rollback']);
    expect(lane.state.applying).toBeNull();
  });

  it('that comes again long after it was applied is a replay', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    expect(lane.frame(frame(11), 'nats')).toEqual([]);
    lane.nowMs += 3_000;
    expect(alarms(lane.frame(frame(11), 'nats'))).toEqual(['replay']);
    expect(alarms(lane.frame(frame(5), 'nats'))).toEqual(['replay']);
  });

  it('that a stream sends twice is a replay', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    expect(alarms(lane.frame(frame(11), 'grpc'))).toEqual(['replay']);
  });

  it('that was on its way when the edge said Hello again is none, coming once more after that', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(12), { path: 'nats' });
    lane.nowMs += 1_000;
    expect(only(lane.heartbeat(at(12), { path: 'nats' }), 'hello')).toHaveLength(1);
    const early = [lane.take(frame(11)), lane.take(frame(12))];
    lane.resume('tail', at(12));
    const late = [lane.take(frame(11)), lane.take(frame(12))];
    expect(alarms([...early, ...late].flat())).toEqual([]);
    expect(lane.state.head).toEqual(at(12));
    expect(alarms(lane.take(frame(11)))).toEqual(['replay']);
  });

  it('with a hole in its own numbers is no frame of ours', () => {
    const lane = new DrivenLane();
    lane.open();
    const effects = lane.frame({ ...frame(12), prevRev: 10 });
    expect(alarms(effects)).toEqual(['unexpected']);
    expect(only(effects, 'nack')).toMatchObject([{ nack: { code: 'SCHEMA' } }]);
    expect(only(effects, 'apply')).toEqual([]);
  });
});

describe('a forged frame', () => {
  it.each([
    ['forged', 'forged'],
    ['wrong_purpose', 'forged'],
    ['unknown_key', 'unknown_key'],
    ['not_live', 'not_live'],
  ] as const)(
    'on a stream (%s) is refused, reported as %s, and ends the stream',
    (verdict, alarm) => {
      const lane = new DrivenLane();
      lane.open();
      const effects = lane.frame(frame(11), 'grpc', verdict);
      expect(only(effects, 'apply')).toEqual([]);
      expect(only(effects, 'nack')).toMatchObject([{ path: 'grpc', nack: { code: 'SIGNATURE' } }]);
      const end = { path: 'grpc', reason: alarm, next: true };
      expect(only(effects, 'end_path')).toMatchObject([end]);
      expect(alarms(effects)).toEqual([alarm]);
    },
  );

  it('by NATS costs nothing but a count, and one report a second', () => {
    const lane = new DrivenLane();
    lane.open();
    const effects = Array.from({ length: 50 }, () => lane.frame(frame(11), 'nats', 'forged'));
    expect(alarms(effects.flat())).toHaveLength(50);
    expect(only(effects.flat(), 'nack')).toHaveLength(1);
    expect(only(effects.flat(), 'end_path')).toEqual([]);
    expect(only(effects.flat(), 'enforce_early')).toEqual([]);
  });
});

describe('a frame ahead of a gap', () => {
  it('waits, and follows when the gap is filled by any path', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.frame(frame(12), 'nats');
    lane.frame(frame(13), 'nats');
    expect(lane.state.applying).toBeNull();
    const effects = lane.take(frame(11), 'grpc');
    expect(only(effects, 'apply').map(({ frame: one }) => one.rev)).toEqual([11, 12, 13]);
    expect(lane.state).toMatchObject({ head: at(13), gapSinceMs: null });
  });

  it('has its denials enforced at once, without the head moving', () => {
    const lane = new DrivenLane();
    lane.open();
    const effects = lane.frame(frame(12), 'nats');
    expect(only(effects, 'enforce_early')).toMatchObject([{ frame: { rev: 12 } }]);
    expect(only(effects, 'apply')).toEqual([]);
    expect(lane.state.head).toEqual(at(10));
    // A second copy says nothing new.
    expect(lane.frame(frame(12), 'standby')).toEqual([]);
  });

  it('gives its early denials up when its turn has come', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.frame(frame(12), 'nats');
    expect(only(lane.take(frame(11)), 'drop_early')).toMatchObject([{ upTo: at(12) }]);
    expect(lane.state.early).toMatchObject({ count: 0, bytes: 0 });
  });

  it('of another lane than revoke enforces nothing early', () => {
    const lane = new DrivenLane({ lane: 'directory' });
    lane.open();
    expect(lane.frame({ ...frame(12), lane: 'directory' }, 'grpc')).toEqual([]);
  });

  it('asks for the tail within two seconds', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(12));
    lane.frame(frame(12), 'nats');
    const effects = lane.wait(1_250);
    expect(alarms(effects)).toEqual(['gap']);
    expect(only(effects, 'hello')).toMatchObject([{ path: 'grpc', have: { position: at(10) } }]);
  });

  it('is kept up to a bound; denials beyond it are enforced all the same', () => {
    const lane = new DrivenLane();
    lane.open();
    const early = Array.from({ length: 100 }, (_, index) => lane.frame(frame(12 + index), 'nats'));
    expect(lane.state.ahead.size).toBe(64);
    expect(only(early.flat(), 'enforce_early')).toHaveLength(100);
    lane.take(frame(11));
    expect(lane.state.head).toEqual(at(75));
  });

  it.each([
    ['beyond those that are kept', frame(100)],
    ['of a later epoch', frame(11, 'new', 2)],
  ])('counts once however often it is replayed: %s', (_, replayed) => {
    const lane = new DrivenLane();
    lane.open();
    for (let rev = 12; rev < 12 + edgeLimits.aheadMax; rev += 1) lane.frame(frame(rev), 'nats');
    expect(only(lane.frame(replayed, 'nats'), 'enforce_early')).toHaveLength(1);
    const { state } = lane;
    const sha256 = bodySha256(replayed.body);
    for (let copy = 0; copy < edgeLimits.earlyMax; copy += 1) lane.frame(replayed, 'nats');
    expect(lane.state).toEqual(state);
    expect(frameNeedsVerifying(lane.state, replayed, sha256)).toBe(false);
    expect(only(lane.frame(frame(101), 'nats'), 'enforce_early')).toHaveLength(1);
  });

  it('must be verified again before it is applied, known as its bytes are', () => {
    const lane = new DrivenLane();
    lane.open();
    for (let rev = 12; rev < 13 + edgeLimits.aheadMax; rev += 1) lane.frame(frame(rev), 'nats');
    const last = frame(12 + edgeLimits.aheadMax);
    const needs = () => frameNeedsVerifying(lane.state, last, bodySha256(last.body));
    expect(needs()).toBe(false);
    lane.take(frame(11));
    expect(lane.state.head).toEqual(at(last.rev - 1));
    expect(needs()).toBe(true);
  });

  it('is enforced no more where there is no room; what is enforced stays, and the tail is asked for', () => {
    const lane = new DrivenLane();
    lane.open();
    const large = 'x'.repeat(edgeLimits.earlyBytesMax / 4);
    for (let rev = 12; rev < 16; rev += 1) lane.frame(frame(rev, large), 'nats');
    const { early } = lane.state;
    const effects = lane.frame(frame(16), 'nats');
    expect(alarms(effects)).toEqual(['overflow']);
    expect(only(effects, 'enforce_early')).toEqual([]);
    expect(lane.state.early).toBe(early);
    lane.heartbeat(at(16));
    expect(only(lane.wait(1_250), 'hello')).toMatchObject([{ have: { position: at(10) } }]);
  });

  it('is known after a restart, and given up when its turn has come', () => {
    const lane = new DrivenLane({ early: [earlyFrame(12), earlyFrame(10)] });
    lane.open();
    expect(lane.state.early.count).toBe(1);
    expect(only(lane.frame(frame(12), 'nats'), 'enforce_early')).toEqual([]);
    const effects = lane.take(frame(11));
    expect(only(effects, 'drop_early')).toMatchObject([{ upTo: at(12), carry: false }]);
    expect(alarms(effects)).toEqual([]);
    expect(lane.state.early.count).toBe(0);
  });

  it('is carried on, and a fork, where another frame has its turn after a restart', () => {
    const lane = new DrivenLane({ early: [earlyFrame(12)] });
    lane.open();
    lane.take(frame(11, 'of a restored database'));
    const effects = lane.take(frame(12, 'of a restored database'));
    expect(only(effects, 'drop_early')).toMatchObject([{ upTo: at(12), carry: true }]);
    expect(alarms(effects)).toEqual(['fork']);
    expect(only(effects, 'hello')).toMatchObject([{ have: { position: null } }]);
    const offer = manifest(at(12), ['a', 'b']);
    lane.resume('shards', at(12));
    const swapped = lane.manifest(offer, ['a', 'b']);
    expect(only(swapped, 'swap')).toMatchObject([{ carry: 'denials' }]);
  });

  it('gives the proof of the first Hello after a restart, the newest of the epoch', () => {
    const early = [earlyFrame(12), earlyFrame(14), earlyFrame(13), earlyFrame(1, 2)];
    const lane = new DrivenLane({ early });
    expect(laneHello(lane.state)).toMatchObject({ position: at(10), proof: { rev: 14 } });
    lane.open();
    lane.frame(frame(16), 'nats');
    expect(laneHello(lane.state)).toMatchObject({ proof: { rev: 16 } });
  });

  it('with two contents is a fork', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.frame(frame(13), 'nats');
    expect(alarms(lane.frame(frame(13, 'another'), 'standby'))).toEqual(['fork']);
  });

  it('of a later epoch is enforced early and not applied', () => {
    const lane = new DrivenLane();
    lane.open();
    const effects = lane.frame(frame(11, 'new', 2), 'nats');
    expect(only(effects, 'enforce_early')).toHaveLength(1);
    expect(only(effects, 'apply')).toEqual([]);
  });
});

describe('a frame that the shell refuses', () => {
  const problem = { code: 'SCHEMA', detail: 'an op of a newer version' } as const;

  function refusing(): DrivenLane {
    const lane = new DrivenLane();
    lane.open();
    lane.frame(frame(11));
    return lane;
  }

  it('gets a NACK with the hash of its body, and the head stays', () => {
    const lane = refusing();
    const effects = lane.feed({ type: 'apply_refused', problem });
    expect(only(effects, 'nack')).toMatchObject([
      { nack: { code: 'SCHEMA', position: at(11), refusedSha256: bodySha256(frame(11).body) } },
    ]);
    expect(lane.state.head).toEqual(at(10));
  });

  it('is not taken again, and a replica that sends it again is told', () => {
    const lane = refusing();
    lane.feed({ type: 'apply_refused', problem });
    lane.open('standby');
    const effects = lane.frame(frame(11), 'standby');
    expect(only(effects, 'apply')).toEqual([]);
    expect(only(effects, 'nack')).toMatchObject([{ path: 'standby', nack: { code: 'SCHEMA' } }]);
  });

  it('does not make the edge ask again and again for what follows', () => {
    const lane = refusing();
    lane.feed({ type: 'apply_refused', problem });
    lane.frame(frame(12), 'nats');
    const effects = Array.from({ length: 5 }, () => {
      lane.heartbeat(at(12));
      return lane.wait(1_000);
    }).flat();
    expect(effects).toEqual([]);
  });

  it('still has the denials after it enforced early', () => {
    const lane = refusing();
    lane.feed({ type: 'apply_refused', problem });
    expect(only(lane.frame(frame(12), 'nats'), 'enforce_early')).toHaveLength(1);
  });
});

describe('while a frame is being applied', () => {
  it('the next ones wait for it, in their order', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.frame(frame(11));
    expect(only([...lane.frame(frame(12)), ...lane.frame(frame(13))], 'apply')).toEqual([]);
    expect(alarms(lane.wait(1_500))).toEqual([]);
    expect(lane.feed({ type: 'applied', digest: null })).toMatchObject([
      { type: 'apply', frame: { rev: 12 } },
    ]);
  });
});
