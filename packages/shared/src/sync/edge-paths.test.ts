import { describe, expect, it } from 'vitest';
import { laneHello } from './edge-lane.ts';
import { alarms, at, DrivenLane, frame, manifest, only } from './testing/driven-lane.ts';

describe('the start', () => {
  it('says what the disk had', () => {
    const lane = new DrivenLane({ head: at(7), mark: at(7) });
    expect(laneHello(lane.state)).toMatchObject({ lane: 'revoke', position: at(7) });
    expect(lane.effects).toEqual([]);
  });

  it.each([at(9), at(20, 0)])('does not use a copy that is older than the mark (%o)', (head) => {
    const lane = new DrivenLane({ head, mark: at(10) });
    expect(laneHello(lane.state).position).toBeNull();
    expect(lane.state.mark).toEqual(at(10));
    expect(alarms(lane.effects)).toEqual(['rollback']);
  });
});

describe('Hello', () => {
  it('has the newest signed frame for its proof, also one that waits ahead of a gap', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.frame(frame(13), 'nats');
    lane.frame(frame(12), 'nats');
    const [hello] = only(lane.wait(1_000), 'hello');
    expect(hello?.have).toMatchObject({ position: at(10), proof: { rev: 13, prevRev: 12 } });
  });
});

describe('silence', () => {
  it('ends a stream in less than two seconds after its last heartbeat', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    expect(only(lane.wait(1_750), 'end_path')).toEqual([]);
    const effects = lane.wait(250);
    expect(alarms(effects)).toEqual(['silence']);
    expect(only(effects, 'end_path')).toMatchObject([{ path: 'grpc', next: true }]);
    expect(lane.wait(5_000)).toEqual([]);
  });

  it('is borne longer before the first heartbeat', () => {
    const lane = new DrivenLane();
    lane.feed({ type: 'opened', path: 'grpc' });
    expect(lane.wait(5_000)).toEqual([]);
    expect(alarms(lane.wait(250))).toEqual(['silence']);
  });

  it('is not what it seems when this process stood still', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    lane.wait(250);
    lane.nowMs += 20_000;
    expect(lane.feed({ type: 'tick', missedMs: 0, unread: [] })).toEqual([]);
    expect(alarms(lane.wait(2_000))).toEqual(['silence']);
  });

  it('is not what it seems while nothing is read, as where rows change places', () => {
    const lane = new DrivenLane();
    lane.open('standby');
    lane.heartbeat(at(10), { path: 'standby' });
    lane.open('grpc', 'shards');
    lane.heartbeat(at(10));
    const effects = lane.manifest(manifest(at(20), ['a', 'b']), ['a', 'b']);
    expect(only(effects, 'swap')).toHaveLength(1);
    expect(lane.wait(4_000, ['grpc', 'standby'])).toEqual([]);
    lane.swapped(['a', 'b']);
    expect(only(lane.wait(1_750), 'end_path')).toEqual([]);
    expect(alarms(lane.wait(250))).toEqual(['silence', 'silence']);
  });

  it('is none, nor is an answer missing, where the stream waits for another lane', () => {
    const lane = new DrivenLane();
    lane.feed({ type: 'opened', path: 'grpc' });
    lane.heartbeat(at(20));
    expect(lane.wait(31_000, ['grpc'])).toEqual([]);
    lane.resume('shards', at(20));
    expect(lane.wait(31_000, ['grpc'])).toEqual([]);
    expect(alarms(lane.wait(2_000))).toEqual(['silence']);
  });

  it('does not begin anew with a Hello on the open stream, nor is one a silence', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.heartbeat(at(10));
    lane.frame(frame(12), 'nats');
    lane.wait(1_000);
    expect(lane.state.paths.grpc.phase.kind).toBe('greeting');
    lane.resume('tail', at(12));
    expect(only(lane.wait(750), 'end_path')).toEqual([]);
    expect(only(lane.wait(250), 'end_path')).toHaveLength(1);
  });

  it('of one stream says nothing of the other', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.open('standby');
    lane.heartbeat(at(10));
    lane.heartbeat(at(10), { path: 'standby' });
    for (let second = 0; second < 4; second += 1) {
      lane.wait(1_000);
      lane.heartbeat(at(10), { path: 'standby' });
    }
    expect(lane.state.paths.grpc.phase.kind).toBe('closed');
    expect(lane.state.paths.standby.phase.kind).toBe('tail');
  });
});

describe('Resume', () => {
  it('TAIL has what was reached said again', () => {
    expect(new DrivenLane().open()).toEqual([{ type: 'repeat_acks', path: 'grpc' }]);
  });

  it('TAIL of a state that we do not have ends the stream', () => {
    const lane = new DrivenLane({ head: null });
    expect(only(lane.open(), 'end_path')).toMatchObject([{ reason: 'unexpected', next: true }]);
    const other = new DrivenLane();
    other.feed({ type: 'opened', path: 'grpc' });
    expect(only(other.resume('tail', at(10, 2)), 'end_path')).toHaveLength(1);
  });

  it('WAIT keeps what we have, for ten seconds; then another replica is tried', () => {
    const lane = new DrivenLane();
    lane.open('grpc', 'wait');
    const beaten = (seconds: number) =>
      Array.from({ length: seconds }, () => {
        lane.heartbeat(at(10));
        return lane.wait(1_000);
      }).flat();
    expect(beaten(10)).toEqual([]);
    expect(only(beaten(1), 'end_path')).toMatchObject([{ reason: 'behind', next: true }]);
  });

  it('REDIRECT ends the stream for another replica', () => {
    const lane = new DrivenLane();
    expect(lane.open('grpc', 'redirect')).toEqual([
      { type: 'end_path', path: 'grpc', reason: 'redirect', next: true },
    ]);
  });

  it('is waited for by what NATS brings meanwhile: it may be of another history', () => {
    const lane = new DrivenLane();
    lane.feed({ type: 'opened', path: 'grpc' });
    const effects = lane.frame(frame(11), 'nats');
    expect(effects.map(({ type }) => type)).toEqual(['enforce_early']);
    expect(only(lane.resume('tail', at(11)), 'apply')).toHaveLength(1);
  });

  it('is not waited for where no replica can be reached: NATS goes on alone', () => {
    expect(only(new DrivenLane().frame(frame(11), 'nats'), 'apply')).toHaveLength(1);
  });

  it('may come again at any time, as at a change of epochs', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    lane.resume('shards', at(1, 2));
    expect(lane.state.paths.grpc.phase.kind).toBe('shards');
  });
});
