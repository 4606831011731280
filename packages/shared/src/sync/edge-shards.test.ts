import { describe, expect, it } from 'vitest';
import {
  alarms,
  at,
  DrivenLane,
  frame,
  manifest,
  only,
  shardDigest,
} from './testing/driven-lane.ts';

function offered(lane: DrivenLane, have: readonly string[], contents: readonly string[], rev = 20) {
  lane.open('grpc', 'shards');
  return lane.manifest(manifest(at(rev), contents), have);
}

describe('a whole state', () => {
  it('is fetched where it differs, and put in place at once when all is there', () => {
    const lane = new DrivenLane({ head: null });
    expect(only(offered(lane, ['', ''], ['a', 'b']), 'fetch')).toMatchObject([{ shards: [0, 1] }]);
    expect(lane.part(at(20), 0, 'a')).toMatchObject([{ type: 'stage', index: 0 }]);
    expect(lane.feed({ type: 'staged', index: 0, problem: null })).toEqual([]);
    lane.part(at(20), 1, 'b');
    expect(lane.feed({ type: 'staged', index: 1, problem: null })).toMatchObject([
      { type: 'swap', position: at(20), carry: 'nothing' },
    ]);
    expect(lane.state.head).toBeNull();
    lane.swapped(['a', 'b']);
    expect(lane.state).toMatchObject({
      head: at(20),
      mark: at(20),
      digestAgrees: true,
      staging: null,
    });
  });

  it('that has nothing new for us only moves the head', () => {
    const lane = new DrivenLane();
    const effects = offered(lane, ['a', 'b'], ['a', 'b']);
    expect(effects).toMatchObject([
      { type: 'fetch', shards: [] },
      { type: 'swap', position: at(20) },
    ]);
  });

  it('keeps what was fetched when its stream ends, for whichever replica comes next', () => {
    const lane = new DrivenLane({ head: null });
    offered(lane, ['', ''], ['a', 'b']);
    lane.part(at(20), 0, 'a');
    lane.feed({ type: 'staged', index: 0, problem: null });
    lane.feed({ type: 'closed', path: 'grpc' });
    expect(only(offered(lane, ['', ''], ['a', 'c'], 21), 'fetch')).toMatchObject([{ shards: [1] }]);
  });

  it('is given up when another Resume comes, for no more shards of it are sent', () => {
    const lane = new DrivenLane();
    lane.open('grpc', 'shards');
    // Said again before the answer to the first Hello was read.
    lane.manifest(manifest(at(20), ['a', 'b']), ['', '']);
    lane.resume('tail', at(12));
    expect(only(lane.frame(frame(11)), 'apply')).toMatchObject([{ frame: { rev: 11 } }]);
  });

  it('fetches a shard again that was staged with other bytes, even where the rows agree now', () => {
    const lane = new DrivenLane({ head: null });
    offered(lane, ['', ''], ['a', 'b']);
    lane.part(at(20), 0, 'a');
    lane.feed({ type: 'staged', index: 0, problem: null });
    lane.feed({ type: 'closed', path: 'grpc' });
    expect(only(offered(lane, ['c', ''], ['c', 'b'], 21), 'fetch')).toMatchObject([
      { shards: [0, 1] },
    ]);
  });

  it('lets frames wait while it is fetched, and their denials do not', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b'], 11);
    const effects = [...lane.frame(frame(11), 'nats'), ...lane.frame(frame(12), 'nats')];
    expect(effects.map(({ type }) => type)).toEqual(['enforce_early', 'enforce_early']);
    for (const [index, content] of ['a', 'b'].entries()) {
      lane.part(at(11), index, content);
      lane.feed({ type: 'staged', index, problem: null });
    }
    expect(lane.swapped(['a', 'b'])).toMatchObject([
      { type: 'drop_early', upTo: at(11), carry: true },
      { type: 'apply', frame: { rev: 12 } },
    ]);
  });

  it('before our mark is refused as a rollback, also after a restart without rows', () => {
    const lane = new DrivenLane({ head: null, mark: at(30) });
    const effects = offered(lane, ['', ''], ['a', 'b'], 29);
    expect(alarms(effects)).toEqual(['rollback']);
    expect(only(effects, 'fetch')).toEqual([]);
    expect(only(effects, 'end_path')).toMatchObject([{ next: true }]);
  });

  it('of another number of shards, or of too many bytes, is refused', () => {
    const few = new DrivenLane();
    expect(only(offered(few, ['', ''], ['a']), 'nack')).toMatchObject([
      { nack: { code: 'SCHEMA' } },
    ]);
    const large = new DrivenLane();
    large.open('grpc', 'shards');
    const { shards, ...rest } = manifest(at(20), ['a', 'b']);
    const huge = { ...rest, shards: shards.map((shard) => ({ ...shard, bytes: 2 ** 30 })) };
    expect(only(large.manifest(huge, ['', '']), 'nack')).toMatchObject([
      { nack: { code: 'LIMIT' } },
    ]);
  });

  it('with a signature that does not hold is refused and ends the stream', () => {
    const lane = new DrivenLane();
    lane.open('grpc', 'shards');
    const effects = lane.feed({
      type: 'manifest',
      path: 'grpc',
      manifest: manifest(at(20), ['a', 'b']),
      verdict: 'forged',
      have: [shardDigest(''), shardDigest('')],
    });
    expect(effects.map(({ type }) => type)).toEqual(['alarm', 'nack', 'end_path']);
  });

  it('by the second stream waits until the first is done', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    lane.open('standby', 'shards');
    expect(lane.manifest(manifest(at(21), ['a', 'c']), ['', ''], 'standby')).toEqual([]);
    for (const [index, content] of ['a', 'b'].entries()) {
      lane.part(at(20), index, content);
      lane.feed({ type: 'staged', index, problem: null });
    }
    expect(only(lane.swapped(['a', 'b']), 'hello')).toMatchObject([
      { path: 'standby', have: { position: at(20) } },
    ]);
  });

  it('by the second stream is taken up when the first one ends', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    lane.open('standby', 'shards');
    lane.manifest(manifest(at(21), ['a', 'c']), ['', ''], 'standby');
    lane.feed({ type: 'closed', path: 'grpc' });
    expect(only(lane.wait(250), 'hello')).toMatchObject([{ path: 'standby' }]);
  });
});

describe('a part of a shard', () => {
  it.each<[string, (lane: DrivenLane) => unknown]>([
    ['out of its order', (lane) => bad(lane, { part: 1, parts: 2 })],
    ['longer than the shard', (lane) => lane.part(at(20), 0, 'much too long')],
    ['of a shard that was not asked for', (lane) => lane.part(at(20), 7, 'a')],
    ['beyond its own number', (lane) => bad(lane, { part: 0, parts: 0 })],
  ])('%s ends the stream', (_, send) => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    send(lane);
    expect(alarms(lane.effects)).toEqual(['unexpected']);
    expect(only(lane.effects, 'end_path')).toHaveLength(1);
  });

  it('of another manifest is nothing to us', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    expect(lane.part(at(19), 0, 'a')).toEqual([]);
  });

  it('is joined with the others in their order', () => {
    const lane = new DrivenLane();
    offered(lane, ['', 'b'], ['abcd', 'b']);
    bad(lane, { part: 0, parts: 2, text: 'ab' });
    expect(bad(lane, { part: 1, parts: 2, text: 'cd' })).toMatchObject([
      { type: 'stage', parts: [Buffer.from('ab'), Buffer.from('cd')] },
    ]);
  });
});

describe('a shard that the shell refuses', () => {
  it('because of its hash is the fault of the stream: another replica is asked', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    lane.part(at(20), 0, 'x');
    const problem = { code: 'DIGEST', detail: 'hash' } as const;
    const effects = lane.feed({ type: 'staged', index: 0, problem });
    expect(only(effects, 'end_path')).toMatchObject([{ next: true }]);
    expect(lane.state.refused).toEqual([]);
  });

  it('because of its contents is not fetched again', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    lane.part(at(20), 0, 'a');
    const problem = { code: 'SCHEMA', detail: 'newer' } as const;
    const effects = lane.feed({ type: 'staged', index: 0, problem });
    expect(only(effects, 'nack')).toMatchObject([{ nack: { code: 'SCHEMA' } }]);
    expect(only(effects, 'end_path')).toEqual([]);
    const again = lane.manifest(manifest(at(21), ['a', 'c']), ['', '']);
    expect(only(again, 'fetch')).toEqual([]);
    expect(only(again, 'nack')).toMatchObject([{ nack: { code: 'SCHEMA' } }]);
    expect(only(lane.manifest(manifest(at(22), ['d', 'c']), ['', '']), 'fetch')).toHaveLength(1);
  });
});

describe('after a refused shard', () => {
  it('a stream that brings the next frame after all is followed', () => {
    const lane = new DrivenLane();
    offered(lane, ['', ''], ['a', 'b']);
    lane.part(at(20), 0, 'a');
    lane.feed({ type: 'staged', index: 0, problem: { code: 'SCHEMA', detail: 'newer' } });
    lane.feed({ type: 'closed', path: 'grpc' });
    lane.open();
    lane.take(frame(11));
    expect(lane.state).toMatchObject({ head: at(11), stuck: false });
  });
});

describe('denials that the new rows may lack', () => {
  const swapTo = (lane: DrivenLane, epoch: number) => {
    lane.feed({ type: 'opened', path: 'grpc' });
    lane.resume('shards', at(11, epoch), 'grpc');
    return only(lane.manifest(manifest(at(11, epoch), ['a', 'b']), ['a', 'b']), 'swap');
  };

  it('are carried into a new epoch where they are blocks: everybody signs in again', () => {
    expect(swapTo(new DrivenLane(), 2)).toMatchObject([{ carry: 'blocks' }]);
  });

  it('are gone for good within the epoch: they were lifted', () => {
    expect(swapTo(new DrivenLane(), 1)).toMatchObject([{ carry: 'nothing' }]);
  });

  it('are carried within the epoch, too, when our rows turned out to be others', () => {
    const lane = new DrivenLane({ digest: shardDigest('ours') });
    lane.open();
    lane.heartbeat(at(10), { digest: shardDigest('theirs') });
    expect(swapTo(lane, 1)).toMatchObject([{ carry: 'denials' }]);
  });

  it('are carried within the epoch after a fork', () => {
    const lane = new DrivenLane();
    lane.open();
    lane.take(frame(11));
    lane.frame(frame(11, 'another'), 'nats');
    expect(swapTo(lane, 1)).toMatchObject([{ carry: 'denials' }]);
  });
});

describe('the frame that led to the manifest', () => {
  it('is taken as the proof of the position', () => {
    const lane = new DrivenLane();
    offered(lane, ['a', 'b'], ['a', 'b']);
    lane.swapped(['a', 'b']);
    expect(lane.state.proof).toBeNull();
    expect(lane.frame(frame(20))).toEqual([]);
    expect(lane.state.proof).toMatchObject({ rev: 20 });
  });
});

function bad(
  lane: DrivenLane,
  { part, parts, text = 'a' }: { part: number; parts: number; text?: string },
) {
  const body = Buffer.from(text);
  const message = { lane: 'revoke', position: at(20), index: 0, part, parts, body } as const;
  return lane.feed({ type: 'part', path: 'grpc', part: message });
}
