import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AckStage, NackCode, Lane as WireLane } from '@sallyport/proto';
import type { Lane } from '@sallyport/shared/state/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { at, blocked, bringUp, streamAfter, userBlock, userLift } from '../testing/brought-up.ts';
import { type EdgeUnderTest, startEdgeUnderTest } from '../testing/edge-under-test.ts';
import { bundleOf, sampleBundle } from '../testing/sample-state.ts';
import { ScriptedControlPlane } from '../testing/scripted-control-plane.ts';
import type { ScriptedStream } from '../testing/scripted-stream.ts';

const { ENFORCED } = AckStage;
const polled = { timeout: 10_000 };

let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;
let home: string;
let before = 0;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'sallyport-restart-'));
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
  edge = await startEdgeUnderTest([plane], { home });
});
afterEach(async () => {
  await edge.stop();
  plane.close();
  await rm(home, { recursive: true });
});

/** The next process on the same disk; without a control plane unless there is one. */
async function restart(): Promise<void> {
  before = plane.streams.all.length;
  edge = await startEdgeUnderTest([plane], { home });
}

/** Its first stream with the lane. */
function streamWith(lane: Lane): Promise<ScriptedStream> {
  return plane.streams.first(
    (one) => plane.streams.all.indexOf(one) >= before && one.lanes.includes(lane),
  );
}

/** Its first stream for revocations. */
const revokeStream = (): Promise<ScriptedStream> => streamWith('revoke');

describe('an edge that is started again', () => {
  it('has every enforced denial, also where nobody can be asked, and its age goes on', async () => {
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), [userBlock('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(11), ENFORCED);
    plane.close();
    await edge.stop();
    await restart();
    const [worker] = edge.workers;
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    expect(worker?.current.user('usr_a')).not.toBeNull();
    expect(worker?.current.bundle()?.version).toBe(1);
    expect(worker?.current.revisions()).toMatchObject({ revoke: at(11), directory: at(30) });
    expect(worker?.current.staleness().revokeMs).toBeLessThan(60_000);
    expect(edge.sync.board.get('revoke')).toMatchObject({ path: 'disk' });
  });

  it('asks for what comes after its state, and believes the keys that it knew', async () => {
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), []);
    await revoke.acked('revoke', at(11), ENFORCED);
    await edge.stop();
    await restart();
    const again = await revokeStream();
    expect(again.have('revoke')?.position).toEqual(at(11));
    expect(again.have('revoke')?.proof).toMatchObject({ rev: 11 });
    again.resume('revoke', 'tail', at(12));
    again.sendFrame('revoke', at(12), [userBlock('rev_1', 'usr_a')]);
    await again.acked('revoke', at(12), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
  });

  it('says again what it refuses, as it does on each stream, until that is replaced', async () => {
    const { bulk } = await bringUp(plane, edge);
    bulk.sendFrame('config', at(21), [bundleOf(2, Buffer.from('{"documents":[{}]}'))]);
    bulk.sendFrame('config', at(22), []);
    expect((await bulk.nacks.next()).code).toBe(NackCode.COMPILE);
    await expect.poll(() => edge.sync.board.get('config').taken, polled).toEqual(at(22));
    const said = {
      lane: WireLane.CONFIG,
      position: { epoch: 1n, rev: 22n },
      code: NackCode.COMPILE,
      refusedSha256: new Uint8Array(),
    };
    plane.close();
    await plane.open();
    const again = await streamAfter(plane, bulk);
    expect(again.have('config')?.position).toEqual(at(22));
    again.resume('config', 'tail', at(22));
    expect(await again.nacks.next()).toMatchObject(said);
    await edge.stop();
    await restart();
    const later = await streamWith('config');
    expect(later.have('config')?.position).toEqual(at(22));
    later.resume('config', 'tail', at(22));
    expect(await later.nacks.next()).toMatchObject(said);
    // Of another lane there is nothing to be said.
    later.resume('directory', 'tail', at(30));
    later.sendFrame('config', at(23), [sampleBundle(3)]);
    await later.acked('config', at(23), ENFORCED);
    expect(later.nacks.all).toHaveLength(1);
    later.resume('config', 'tail', at(23));
    later.sendFrame('config', at(24), []);
    await later.acked('config', at(24), ENFORCED);
    expect(later.nacks.all).toHaveLength(1);
  });

  it('takes no older state than it had before, well signed as it is', async () => {
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), [userBlock('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(11), ENFORCED);
    await edge.stop();
    await restart();
    const again = await revokeStream();
    again.sendState('revoke', at(10), []);
    expect(await edge.ends.next()).toMatchObject({ stream: 'revoke', reason: 'rollback' });
    expect(blocked(edge, 'usr_a')).toEqual([true]);
  });

  it('goes on carrying what a new epoch does not have, until it is lifted', async () => {
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), [userBlock('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(11), ENFORCED);
    revoke.sendState('revoke', at(0, 2), []);
    await revoke.acked('revoke', at(0, 2), ENFORCED);
    await edge.stop();
    await restart();
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    const again = await revokeStream();
    again.resume('revoke', 'tail', at(0, 2));
    expect((await again.carried.next()).blocks).toHaveLength(1);
    again.sendFrame('revoke', at(1, 2), [userLift('rev_1', 'usr_a')]);
    await again.acked('revoke', at(1, 2), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
  });

  it('goes on with what was ended where its rows are replaced within the epoch, until that ends', async () => {
    const { revoke } = await bringUp(plane, edge);
    const isEnded = () => {
      const { current } = edge.workers[0] ?? {};
      return [current?.isSessionEnded('ses_a'), current?.generations('usr_a', null).user];
    };
    revoke.leftOut.add('revoke');
    revoke.sendFrame('revoke', at(11), [
      { op: 'ended_session', sid: 'ses_a', expiresAtMs: 1e13 },
      { op: 'generation', scope: 'user', subjectId: 'usr_a', value: 7 },
    ]);
    await revoke.acked('revoke', at(11), ENFORCED);
    // A database that was put back has another history, and the same number.
    revoke.sendHeartbeat([['revoke', at(11), new Uint8Array(32)]]);
    await revoke.hellos.next((one) => one !== revoke.hello);
    revoke.sendState('revoke', at(12), [userBlock('rev_1', 'usr_b')]);
    await revoke.acked('revoke', at(12), ENFORCED);
    expect(isEnded()).toEqual([true, 7]);
    await edge.stop();
    await restart();
    expect(isEnded()).toEqual([true, 7]);
    const again = await revokeStream();
    again.resume('revoke', 'tail', at(12));
    again.sendState('revoke', at(1, 2), [
      { op: 'generation', scope: 'global', subjectId: '', value: 9 },
    ]);
    await again.acked('revoke', at(1, 2), ENFORCED);
    expect(isEnded()).toEqual([false, 0]);
  });

  it('enforces what it had enforced ahead of a gap, until it is shown to be lifted', async () => {
    const { revoke } = await bringUp(plane, edge);
    const ahead = revoke.frame('revoke', at(12), [userBlock('rev_2', 'usr_b')]);
    revoke.send({ kind: 'frame', value: ahead });
    await expect.poll(() => blocked(edge, 'usr_b')).toEqual([true]);
    await edge.stop();
    await restart();
    expect(blocked(edge, 'usr_b')).toEqual([true]);
    const again = await revokeStream();
    // A whole state without it: it was lifted, or is of another history. The control plane can tell.
    again.sendState('revoke', at(15), []);
    await again.acked('revoke', at(15), ENFORCED);
    expect(blocked(edge, 'usr_b')).toEqual([true]);
    expect((await again.carried.next(({ blocks }) => blocks.length > 0)).blocks).toHaveLength(1);
    again.sendFrame('revoke', at(16), [userLift('rev_2', 'usr_b')]);
    await again.acked('revoke', at(16), ENFORCED);
    await expect.poll(() => blocked(edge, 'usr_b')).toEqual([false]);
  });

  it('gives none of that up for a replica that is behind, nor for another restart or a new block', async () => {
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(12), [userBlock('rev_2', 'usr_b')]);
    await expect.poll(() => blocked(edge, 'usr_b')).toEqual([true]);
    await edge.stop();
    await restart();
    const behind = await revokeStream();
    behind.resume('revoke', 'tail', at(10));
    behind.sendHeartbeat([['revoke', at(10)]], 30_000);
    behind.sendHeartbeat([['revoke', at(10)]]);
    await expect.poll(() => edge.tables.ages.ageMs('revoke'), polled).toBeLessThan(5_000);
    expect(blocked(edge, 'usr_b')).toEqual([true]);
    behind.sendFrame('revoke', at(13), [userBlock('rev_3', 'usr_c')]);
    await expect.poll(() => blocked(edge, 'usr_c'), polled).toEqual([true]);
    await edge.stop();
    await restart();
    expect(blocked(edge, 'usr_b')).toEqual([true]);
    expect(blocked(edge, 'usr_c')).toEqual([true]);
    const again = await revokeStream();
    again.resume('revoke', 'tail', at(13));
    again.sendFrame('revoke', at(11), []);
    again.sendFrame('revoke', at(12), [userBlock('rev_2', 'usr_b')]);
    again.sendFrame('revoke', at(13), [userBlock('rev_3', 'usr_c')]);
    again.sendFrame('revoke', at(14), [userLift('rev_2', 'usr_b')]);
    await again.acked('revoke', at(14), ENFORCED);
    await expect.poll(() => blocked(edge, 'usr_b'), polled).toEqual([false]);
    expect(blocked(edge, 'usr_c')).toEqual([true]);
  });

  it('carries the blocks among them into a new epoch, and keeps them through a restart there', async () => {
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(12), [userBlock('rev_2', 'usr_b')]);
    await expect.poll(() => blocked(edge, 'usr_b')).toEqual([true]);
    await edge.stop();
    await restart();
    const next = await revokeStream();
    next.sendState('revoke', at(3, 2), []);
    await next.acked('revoke', at(3, 2), ENFORCED);
    expect(blocked(edge, 'usr_b')).toEqual([true]);
    const { blocks } = await next.carried.next((one) => one.blocks.length > 0);
    expect(blocks.map(({ revocationId }) => revocationId)).toEqual(['rev_2']);
    await edge.stop();
    await restart();
    expect(blocked(edge, 'usr_b')).toEqual([true]);
    const again = await revokeStream();
    again.resume('revoke', 'tail', at(3, 2));
    again.sendFrame('revoke', at(4, 2), [userLift('rev_2', 'usr_b')]);
    await again.acked('revoke', at(4, 2), ENFORCED);
    await expect.poll(() => blocked(edge, 'usr_b'), polled).toEqual([false]);
  });
});
