import { create, toBinary } from '@bufbuild/protobuf';
import { AckStage, NackCode, OpsSchema, opsToBytes, type SyncMessage } from '@sallyport/proto';
import type { FrameMessage } from '@sallyport/shared/sync/messages';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  at,
  type BroughtUp,
  blocked,
  bringUp,
  streamAfter,
  userBlock,
  userLift,
} from '../../testing/brought-up.ts';
import { type EdgeUnderTest, startEdgeUnderTest } from '../../testing/edge-under-test.ts';
import { manifestOf, offeredState, shardParts } from '../../testing/offered-state.ts';
import { createRootKey, sampleUser } from '../../testing/sample-state.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';
import { scriptedKeys } from '../../testing/scripted-keys.ts';
import type { ScriptedStream } from '../../testing/scripted-stream.ts';

const { ENFORCED } = AckStage;

let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;
let up: BroughtUp;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
  edge = await startEdgeUnderTest([plane]);
  up = await bringUp(plane, edge);
});
afterEach(async () => {
  await edge.stop();
  plane.close();
});

const denial = [userBlock('rev_1', 'usr_a')];
const sendFrame = (stream: ScriptedStream, value: FrameMessage) =>
  stream.send({ kind: 'frame', value });

/** What was refused, with nothing changed by it and the last good state serving. */
async function expectRefused(stream: ScriptedStream, code: NackCode): Promise<void> {
  expect(await stream.nacks.next()).toMatchObject({ code });
  expect(blocked(edge, 'usr_a')).toEqual([false]);
  expect(edge.sync.board.get('revoke').taken).toEqual(at(10));
  expect(edge.workers[0]?.current.ready()).toBe(true);
}

/** The edge takes the genuine frame on its next stream. */
async function expectRecovery(stream: ScriptedStream): Promise<void> {
  const again = await streamAfter(plane, stream);
  expect(again.have('revoke')?.position).toEqual(at(10));
  again.resume('revoke', 'tail', at(11));
  again.sendFrame('revoke', at(11), denial);
  await again.acked('revoke', at(11), ENFORCED);
  expect(blocked(edge, 'usr_a')).toEqual([true]);
}

describe('a frame that is not what it should be', () => {
  it.each<[string, (frame: FrameMessage) => FrameMessage, reason?: string]>([
    [
      'with a signature that does not hold',
      (frame) => ({ ...frame, signature: new Uint8Array(64) }),
    ],
    ['without a signature', (frame) => ({ ...frame, signature: new Uint8Array() })],
    [
      'with another body',
      (frame) => ({ ...frame, body: opsToBytes([userBlock('rev_9', 'usr_b')]) }),
    ],
    ['for another revision', (frame) => ({ ...frame, rev: 12, prevRev: 11 })],
    ['for another epoch', (frame) => ({ ...frame, epoch: 2 })],
    ['of a key that nobody knows', (frame) => ({ ...frame, keyId: 'stranger' }), 'unknown_key'],
    ['of the key of another lane', (frame) => ({ ...frame, keyId: 'scripted-lane-signals' })],
    ['of the key of the heartbeats', (frame) => ({ ...frame, keyId: 'scripted-heartbeat' })],
  ])('is refused %s, and the stream with it', async (_title, forge, reason = 'forged') => {
    const { revoke } = up;
    sendFrame(revoke, forge(revoke.frame('revoke', at(11), denial)));
    await expectRefused(revoke, NackCode.SIGNATURE);
    expect(await edge.ends.next()).toMatchObject({ reason, next: true });
    await expectRecovery(revoke);
  });

  it('is refused when another root vouches for its key', async () => {
    const { revoke } = up;
    const foreign = scriptedKeys(createRootKey(), 'foreign');
    revoke.send({ kind: 'keys', value: { keys: foreign.keys() } });
    const frame = { lane: 'revoke', epoch: 1, prevRev: 10, rev: 11 } as const;
    sendFrame(revoke, foreign.frame({ ...frame, body: opsToBytes(denial) }, Date.now()));
    await expectRefused(revoke, NackCode.SIGNATURE);
    expect(edge.sync.board.alarms('revoke')).toMatchObject({ forged: 1, unknown_key: 1 });
  });

  it('is believed when a new key comes, that the root vouches for', async () => {
    const { revoke } = up;
    const next = scriptedKeys(plane.root, 'next');
    revoke.send({ kind: 'keys', value: { keys: next.keys() } });
    const frame = { lane: 'revoke', epoch: 1, prevRev: 10, rev: 11 } as const;
    sendFrame(revoke, next.frame({ ...frame, body: opsToBytes(denial) }, Date.now()));
    await revoke.acked('revoke', at(11), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
  });

  it.each<[string, NackCode, () => Uint8Array]>([
    ['cut off', NackCode.SCHEMA, () => opsToBytes(denial).subarray(0, -1)],
    ['no message at all', NackCode.SCHEMA, () => Buffer.from('not an Ops message')],
    [
      'of a newer schema',
      NackCode.SCHEMA,
      () => toBinary(OpsSchema, create(OpsSchema, { ops: [{}] })),
    ],
    ['an op of another lane', NackCode.SCHEMA, () => opsToBytes([sampleUser('usr_a')])],
    ['too large', NackCode.LIMIT, () => new Uint8Array(1_048_577)],
    [
      'of too many ops',
      NackCode.LIMIT,
      () => opsToBytes(Array.from({ length: 10_001 }, () => userLift('rev_0', 'usr_0'))),
    ],
  ])('is refused when its body is %s, however well it is signed', async (_title, code, body) => {
    const { revoke } = up;
    revoke.sendFrame('revoke', at(11), body());
    await expectRefused(revoke, code);
    // The lane stands before it, and goes on by the whole state.
    revoke.sendState('revoke', at(12), denial);
    await revoke.acked('revoke', at(12), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    expect(edge.ends.all).toEqual([]);
  });

  it('ends the stream when it is larger than anything that could be named, and the edge lives', async () => {
    const { bulk } = up;
    bulk.sendFrame('directory', at(31), new Uint8Array(9 * 1024 * 1024));
    expect(await edge.ends.next(({ stream }) => stream === 'bulk')).toMatchObject({
      reason: 'failed',
      detail: 'RESOURCE_EXHAUSTED',
    });
    const again = await streamAfter(plane, bulk);
    expect(again.have('directory')?.position).toEqual(at(30));
    expect(edge.workers[0]?.current.ready()).toBe(true);
  });
});

describe('frames that come otherwise than they were sent', () => {
  it('are applied once, in their order, and a denial ahead of a gap is enforced at once', async () => {
    const { revoke } = up;
    sendFrame(revoke, revoke.frame('revoke', at(12), denial));
    sendFrame(revoke, revoke.frame('revoke', at(12), denial));
    await expect.poll(() => blocked(edge, 'usr_a')).toEqual([true]);
    expect(edge.sync.board.get('revoke').taken).toEqual(at(10));
    revoke.sendFrame('revoke', at(11), [userBlock('rev_2', 'usr_b')]);
    await revoke.acked('revoke', at(12), ENFORCED);
    expect([...blocked(edge, 'usr_a'), ...blocked(edge, 'usr_b')]).toEqual([true, true]);
    // Nothing of it stays beside the rows: a lift lets the user in again.
    revoke.sendFrame('revoke', at(13), [userLift('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(13), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
  });

  it('never lift anything ahead of a gap', async () => {
    const { revoke } = up;
    revoke.sendFrame('revoke', at(11), denial);
    await revoke.acked('revoke', at(11), ENFORCED);
    sendFrame(revoke, revoke.frame('revoke', at(13), [userLift('rev_1', 'usr_a')]));
    const [hello] = [await revoke.hellos.next((one) => one !== revoke.hello)];
    expect(revoke.have('revoke', hello)?.position).toEqual(at(11));
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    expect(edge.sync.board.alarms('revoke')).toMatchObject({ gap: 1 });
  });

  it('are dropped when they are replayed: a block that was lifted stays lifted', async () => {
    const { revoke } = up;
    const block = revoke.frame('revoke', at(11), denial);
    sendFrame(revoke, block);
    sendFrame(revoke, revoke.frame('revoke', at(12), [userLift('rev_1', 'usr_a')]));
    sendFrame(revoke, block);
    revoke.sendFrame('revoke', at(13), []);
    await revoke.acked('revoke', at(13), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
    expect(edge.sync.board.alarms('revoke')).toMatchObject({ replay: 1 });
    expect(edge.ends.all).toEqual([]);
  });

  it('are noticed when two of them, both signed, are for one revision', async () => {
    const { revoke } = up;
    revoke.sendFrame('revoke', at(11), denial);
    await revoke.acked('revoke', at(11), ENFORCED);
    sendFrame(revoke, revoke.frame('revoke', at(11), []));
    await edge.alarms.next(([lane, name]) => lane === 'revoke' && name === 'fork');
    expect(blocked(edge, 'usr_a')).toEqual([true]);
  });
});

describe('a whole state that is not what it should be', () => {
  const users = ['usr_a', 'usr_b', 'usr_c'].map((id) => sampleUser(id));

  it.each(['digest', 'sha256', 'bytes', 'rows'] as const)(
    'is refused when the %s of a shard in its manifest was changed',
    async (field) => {
      const { bulk } = up;
      const manifest = plane.keys.manifest(
        manifestOf(offeredState('directory', at(40), users)),
        Date.now(),
      );
      const shards = manifest.shards.map((shard, index) => {
        if (index !== 0) return shard;
        const value = shard[field];
        const other = typeof value === 'number' ? value + 1 : new Uint8Array(value.length).fill(1);
        return { ...shard, [field]: other };
      });
      bulk.resume('directory', 'shards', at(40));
      bulk.send({ kind: 'manifest', value: { ...manifest, shards } });
      expect((await bulk.nacks.next()).code).toBe(NackCode.SIGNATURE);
      expect(await edge.ends.next()).toMatchObject({ stream: 'bulk', reason: 'forged' });
      expect(edge.workers[0]?.current.user('usr_a')).not.toBeNull();
      expect(edge.workers[0]?.current.user('usr_b')).toBeNull();
    },
  );

  it.each<[string, (parts: ReturnType<typeof shardParts>) => ReturnType<typeof shardParts>]>([
    ['a byte flipped', (parts) => parts.map((part) => ({ ...part, body: flipped(part.body) }))],
    ['its end missing', (parts) => parts.map((part) => ({ ...part, body: part.body.subarray(4) }))],
    ['its parts in another order', (parts) => parts.toReversed()],
    ['a part twice', (parts) => [...parts.slice(0, 1), ...parts]],
    ['more parts than it said', (parts) => parts.map((part) => ({ ...part, parts: 1 }))],
    ['another number', (parts) => parts.map((part) => ({ ...part, index: 9 }))],
  ])('is never taken in part: a shard with %s', async (_title, spoil) => {
    const { bulk } = up;
    bulk.servesShards = false;
    const state = bulk.sendState('directory', at(41), users);
    const fetch = await bulk.fetches.next(({ position }) => position?.rev === 41n);
    for (const [nth, index] of fetch.shards.entries()) {
      const parts = shardParts(state, index, 64);
      for (const value of nth === 0 ? spoil(parts) : parts) bulk.send({ kind: 'shard', value });
    }
    await edge.ends.next(({ stream }) => stream === 'bulk');
    const [worker] = edge.workers;
    expect(worker?.current.user('usr_a')).not.toBeNull();
    expect([worker?.current.user('usr_b'), worker?.current.user('usr_c')]).toEqual([null, null]);
    expect(edge.sync.board.get('directory').taken).toEqual(at(30));
    expect(worker?.current.ready()).toBe(true);
  });

  it('is refused when it is older than what the edge has had, well signed as it is', async () => {
    const { revoke } = up;
    revoke.sendFrame('revoke', at(11), denial);
    await revoke.acked('revoke', at(11), ENFORCED);
    revoke.sendState('revoke', at(5), []);
    expect(await edge.ends.next()).toMatchObject({ stream: 'revoke', reason: 'rollback' });
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    expect(edge.sync.board.get('revoke').taken).toEqual(at(11));
  });

  it('goes on from the shards that came before the stream was cut', async () => {
    const { bulk } = up;
    bulk.servesShards = false;
    const state = bulk.sendState('directory', at(50), users);
    const first = await bulk.fetches.next(({ position }) => position?.rev === 50n);
    const [index = 0, ...others] = first.shards;
    for (const value of shardParts(state, index)) bulk.send({ kind: 'shard', value });
    bulk.end();
    const again = await streamAfter(plane, bulk);
    for (const lane of ['config', 'signals'] as const) {
      again.resume(lane, 'tail', again.have(lane)?.position ?? at(0));
    }
    again.sendState('directory', at(51), users);
    const second = await again.fetches.next();
    expect(second.shards).toEqual(others);
    await again.acked('directory', at(51), ENFORCED);
    expect(edge.workers[0]?.current.user('usr_c')).not.toBeNull();
  });
});

describe('messages that nobody asked for', () => {
  const part = { lane: 'directory', position: at(30), index: 0, part: 0, parts: 1 } as const;
  it.each<[string, SyncMessage]>([
    ['a shard', { kind: 'shard', value: { ...part, body: new Uint8Array(8) } }],
    [
      'a resume of a lane elsewhere',
      { kind: 'resume', value: { lane: 'revoke', mode: 'wait', head: null, forkedAt: null } },
    ],
  ])('change nothing: %s', async (_title, message) => {
    const { bulk } = up;
    bulk.send(message);
    bulk.sendFrame('directory', at(31), [sampleUser('usr_b')]);
    await bulk.acked('directory', at(31), ENFORCED);
    expect(edge.ends.all).toEqual([]);
  });
});

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[copy.length - 1] = (copy[copy.length - 1] ?? 0) ^ 1;
  return copy;
}
