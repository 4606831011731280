import { createHash } from 'node:crypto';
import { AckStage, laneToWire, NackCode, ResumeMode } from '@sallyport/proto';
import { encodeBundle } from '@sallyport/shared/configuration/bundle';
import type { Position } from '@sallyport/shared/state/model';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type EdgeUnderTest, startEdgeUnderTest } from '../../testing/edge-under-test.ts';
import {
  bundleOf,
  createRootKey,
  sampleBundle,
  sampleDocuments,
  sampleSigningKey,
  sampleUser,
  secretRef,
} from '../../testing/sample-state.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';
import type { ScriptedStream } from '../../testing/scripted-stream.ts';

const root = createRootKey();
const at = (rev: number, epoch = 1): Position => ({ epoch, rev });
const { APPLIED, ENFORCED } = AckStage;
const block = (revocationId: string, subjectId: string) =>
  ({ op: 'block', revocationId, kind: 'user', subjectId, expiresAtMs: null }) as const;
const blocked = (edge: EdgeUnderTest, user: string) =>
  edge.workers.map(({ current }) => current.block('user', user, 0));

let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
});
afterEach(async () => {
  await edge.stop();
  plane.close();
});

async function nextStream(lane: 'revoke' | 'bulk'): Promise<ScriptedStream> {
  const stream = plane.streams.all.findLast((one) => isStream(one, lane));
  return stream ?? plane.streams.next((one) => isStream(one, lane));
}

function isStream(stream: ScriptedStream, lane: 'revoke' | 'bulk'): boolean {
  return stream.lanes.includes(lane === 'revoke' ? 'revoke' : 'config');
}

/** The stream after this one, on the same lanes. */
async function streamAfter(stream: ScriptedStream): Promise<ScriptedStream> {
  const lane = stream.lanes.includes('revoke') ? 'revoke' : 'bulk';
  const later = () =>
    plane.streams.all
      .slice(plane.streams.all.indexOf(stream) + 1)
      .find((one) => isStream(one, lane));
  return later() ?? plane.streams.next((one) => one !== stream && isStream(one, lane));
}

const config = () => [
  sampleBundle(1),
  { op: 'release', ring: 'default', version: 1 } as const,
  sampleSigningKey(root),
  {
    op: 'edge_keys',
    edgeId: plane.edgeId,
    region: 'eu',
    assertionJwks: [edge.ownKey.publicJwk],
  } as const,
];

async function bringUp(): Promise<{ revoke: ScriptedStream; bulk: ScriptedStream }> {
  const revoke = await nextStream('revoke');
  const bulk = await nextStream('bulk');
  revoke.sendState('revoke', at(10), []);
  bulk.sendState('config', at(20), config());
  bulk.sendState('directory', at(30), [sampleUser('usr_a')]);
  await Promise.all([
    revoke.acked('revoke', at(10), ENFORCED),
    bulk.acked('config', at(20), ENFORCED),
    bulk.acked('directory', at(30), ENFORCED),
  ]);
  return { revoke, bulk };
}

describe('an edge and a control plane that has state for it', () => {
  it('is not ready before it has state, and ready when every lane is there', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const [worker] = edge.workers;
    expect(worker?.current.ready()).toBe(false);
    await bringUp();
    expect(worker?.current.notReadyReasons()).toEqual([]);
  });

  it('opens two streams on connections of their own, revoke alone on one of them', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke, bulk } = await bringUp();
    expect(revoke.lanes).toEqual(['revoke']);
    expect(bulk.lanes).toEqual(['config', 'directory']);
    expect(revoke.peer).not.toBe(bulk.peer);
    expect(revoke.edgeCertificate).toMatch(/^[0-9A-F:]{95}$/);
    expect(revoke.hello).toMatchObject({ protocol: 1, region: 'eu' });
  });

  it('takes shards together and then the tail, and acknowledges both stages', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    const users = [sampleUser('usr_b'), sampleUser('usr_c')];
    bulk.sendFrame('directory', at(31), users);
    const applied = await bulk.acked('directory', at(31), APPLIED);
    expect(applied.tookUs).toBeGreaterThan(0n);
    await bulk.acked('directory', at(31), ENFORCED);
    expect(edge.workers[0]?.current.user('usr_c')?.email).toBe('usr_c@corp.test');
  });

  it('acknowledges a revocation as enforced only when every worker has said so', async () => {
    edge = await startEdgeUnderTest([plane], root, 2);
    const { revoke } = await bringUp();
    edge.hold(1);
    revoke.sendFrame('revoke', at(11), [block('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(11), APPLIED);
    expect(blocked(edge, 'usr_a')).toEqual([true, true]);
    expect(edge.sync.board.get('revoke').enforced).toEqual(at(10));
    edge.release(1);
    await revoke.acked('revoke', at(11), ENFORCED);
    expect(revoke.acks.all.filter(({ stage }) => stage === ENFORCED)).toHaveLength(2);
  });

  it('is told of the secrets that the state refers to', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    bulk.sendFrame('config', at(21), [secretRef('cookie-ring', Buffer.from('value'))]);
    const references = await edge.secrets.next((all) => all.size > 0);
    expect(references.get('cookie-ring')?.version).toBe(1);
  });

  it('knows how old its state is from the heartbeats that say the lane is complete', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    expect(edge.sync.board.stalenessSeconds('revoke', performance.now())).toBeNull();
    revoke.sendHeartbeat([['revoke', at(10)]], 60_000);
    revoke.sendFrame('revoke', at(11), []);
    await revoke.acked('revoke', at(11), APPLIED);
    const staleness = edge.sync.board.stalenessSeconds('revoke', performance.now());
    expect(staleness).toBeGreaterThanOrEqual(60);
  });
});

describe('a stream that loses, repeats or forges', () => {
  it('comes back with its position after a gap, and follows from there', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    revoke.sendFrame('revoke', at(12), [block('rev_2', 'usr_b')]);
    const again = await streamAfter(revoke);
    expect(again.have('revoke')).toEqual(at(10));
    expect(blocked(edge, 'usr_b')).toEqual([false]);
    again.resume('revoke', ResumeMode.TAIL, at(12));
    again.sendFrame('revoke', at(11), [block('rev_1', 'usr_a')]);
    again.sendFrame('revoke', at(12), [block('rev_2', 'usr_b')]);
    await again.acked('revoke', at(12), ENFORCED);
    expect([...blocked(edge, 'usr_a'), ...blocked(edge, 'usr_b')]).toEqual([true, true]);
  });

  it('repeats its acks on a new stream, for those that got lost with the old one', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    revoke.end();
    const again = await streamAfter(revoke);
    again.resume('revoke', ResumeMode.TAIL, at(10));
    await again.acked('revoke', at(10), APPLIED);
    await again.acked('revoke', at(10), ENFORCED);
  });

  it('drops a replayed frame and goes on', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    revoke.sendFrame('revoke', at(11), [block('rev_1', 'usr_a')]);
    revoke.sendFrame('revoke', at(12), [{ op: 'lifted_block', revocationId: 'rev_1' }]);
    revoke.sendFrame('revoke', at(11), [block('rev_1', 'usr_a')]);
    revoke.sendFrame('revoke', at(13), []);
    await revoke.acked('revoke', at(13), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
    expect(edge.ends.all).toEqual([]);
  });

  it('asks for the whole state when a frame of another epoch comes', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    revoke.sendFrame('revoke', at(11, 2), [], 10);
    const again = await streamAfter(revoke);
    expect(again.have('revoke')).toBeNull();
    again.sendState('revoke', at(1, 2), [block('rev_1', 'usr_a')]);
    await again.acked('revoke', at(1, 2), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
  });

  it('refuses a frame that it cannot read, keeps what it has and asks for the whole state', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    revoke.sendFrame('revoke', at(11), Buffer.from('not an Ops message'));
    expect(await revoke.nacks.next()).toMatchObject({
      lane: laneToWire('revoke'),
      code: NackCode.SCHEMA,
    });
    const again = await streamAfter(revoke);
    expect(again.have('revoke')).toBeNull();
    expect(edge.workers[0]?.current.ready()).toBe(true);
  });

  it('refuses an op in a lane where it does not belong', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    bulk.sendFrame('directory', at(31), [{ op: 'lifted_block', revocationId: 'rev_1' }]);
    expect((await bulk.nacks.next()).code).toBe(NackCode.SCHEMA);
  });

  it('refuses a shard with another hash and keeps what it has', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    bulk.resume('directory', ResumeMode.SHARDS, at(40));
    const wrong = createHash('sha256').update('other').digest();
    bulk.sendShard('directory', at(40), 0, 1, new Uint8Array(), wrong);
    expect((await bulk.nacks.next()).code).toBe(NackCode.DIGEST);
    expect(edge.workers[0]?.current.user('usr_a')).not.toBeNull();
  });

  it('refuses a signing key that the root key does not vouch for, and takes the rest', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    const forged = sampleSigningKey(createRootKey(), 'forged');
    bulk.sendFrame('config', at(21), [forged, sampleSigningKey(root, 'genuine')]);
    expect(await bulk.nacks.next()).toMatchObject({ code: NackCode.SIGNATURE });
    bulk.sendFrame('config', at(22), []);
    await bulk.acked('config', at(22), ENFORCED);
    const [worker] = edge.workers;
    expect(worker?.current.statementKey('forged', 1)).toBeNull();
    expect(worker?.current.statementKey('genuine', 1)).not.toBeNull();
  });

  it('refuses a version that does not compile, and the last good one goes on', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    const release = (version: number) => ({ op: 'release', ring: 'default', version }) as const;
    const unknownPolicy = sampleDocuments().filter(({ kind }) => kind !== 'Policy');
    bulk.sendFrame('config', at(21), [bundleOf(2, encodeBundle(unknownPolicy)), release(2)]);
    expect((await bulk.nacks.next()).code).toBe(NackCode.COMPILE);
    expect((await bulk.nacks.next()).code).toBe(NackCode.DEPENDENCY);
    bulk.sendFrame('config', at(22), [bundleOf(3, Buffer.from('{"documents":[{}]}'))]);
    expect((await bulk.nacks.next()).code).toBe(NackCode.COMPILE);
    bulk.sendFrame('config', at(23), [{ ...sampleBundle(4), sha256: new Uint8Array(32) }]);
    expect((await bulk.nacks.next()).code).toBe(NackCode.DIGEST);
    bulk.sendFrame('config', at(24), [sampleBundle(5, sampleDocuments('other')), release(5)]);
    await bulk.acked('config', at(24), ENFORCED);
    expect(edge.workers[0]?.current.bundle()?.version).toBe(5);
  });

  it('refuses the release of a version that is not here', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { bulk } = await bringUp();
    bulk.sendFrame('config', at(21), [{ op: 'release', ring: 'default', version: 9 }]);
    expect((await bulk.nacks.next()).code).toBe(NackCode.DEPENDENCY);
    expect(edge.workers[0]?.current.bundle()?.version).toBe(1);
  });
});

describe('an edge whose control plane goes away', () => {
  it('keeps serving from its state and follows again when it is back', async () => {
    edge = await startEdgeUnderTest([plane], root);
    const { revoke } = await bringUp();
    plane.close();
    await edge.ends.next();
    expect(edge.workers[0]?.current.ready()).toBe(true);
    await plane.open();
    const again = await streamAfter(revoke);
    expect(again.have('revoke')).toEqual(at(10));
    again.resume('revoke', ResumeMode.TAIL, at(11));
    again.sendFrame('revoke', at(11), [block('rev_1', 'usr_a')]);
    await again.acked('revoke', at(11), ENFORCED);
  });

  it('goes on to the next control plane when it cannot be reached or sends it away', async () => {
    const second = await ScriptedControlPlane.start({ authority: plane.authority });
    edge = await startEdgeUnderTest([plane, second], root);
    const { revoke } = await bringUp();
    revoke.resume('revoke', ResumeMode.REDIRECT, at(10));
    const redirected = await second.streams.next((one) => one.lanes.includes('revoke'));
    expect(redirected.have('revoke')).toEqual(at(10));
    plane.close();
    const moved = await second.streams.next((one) => one.lanes.includes('config'));
    expect([moved.have('config'), moved.have('directory')]).toEqual([at(20), at(30)]);
    second.close();
  });

  it('does not talk to a server that another authority vouches for', async () => {
    const stranger = await ScriptedControlPlane.start();
    edge = await startEdgeUnderTest([plane, stranger], root);
    await nextStream('revoke');
    plane.close();
    await edge.ends.next();
    await edge.ends.next();
    await edge.ends.next();
    expect(stranger.streams.all).toEqual([]);
    stranger.close();
  });
});
