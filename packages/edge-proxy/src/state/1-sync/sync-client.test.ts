import { isDeepStrictEqual } from 'node:util';
import { AckStage, NackCode } from '@sallyport/proto';
import { encodeBundle } from '@sallyport/shared/configuration/bundle';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  at,
  blocked,
  bringUp,
  streamAfter,
  streamOf,
  userBlock,
  userLift,
} from '../../testing/brought-up.ts';
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

const { APPLIED, ENFORCED } = AckStage;

let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
});
afterEach(async () => {
  await edge.stop();
  plane.close();
});

describe('an edge and a control plane that has state for it', () => {
  it('is not ready before it has state, and ready when every lane is there', async () => {
    edge = await startEdgeUnderTest([plane]);
    const [worker] = edge.workers;
    expect(worker?.current.ready()).toBe(false);
    await bringUp(plane, edge);
    expect(worker?.current.notReadyReasons()).toEqual([]);
  });

  it('opens two streams on connections of their own, revoke alone on one of them', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke, bulk } = await bringUp(plane, edge);
    expect(revoke.lanes).toEqual(['revoke']);
    expect(bulk.lanes).toEqual(['signals', 'config', 'directory']);
    expect(revoke.peer).not.toBe(bulk.peer);
    expect(revoke.edgeCertificate).toMatch(/^[0-9A-F:]{95}$/);
    expect(revoke.hello).toMatchObject({ protocol: 1, region: 'eu' });
    expect(revoke.have('revoke')).toEqual({
      lane: 'revoke',
      position: null,
      proof: null,
      headProof: null,
    });
  });

  it('follows the tail and acknowledges both stages, with the way and the time it took', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    bulk.sendFrame('directory', at(31), [sampleUser('usr_b'), sampleUser('usr_c')]);
    const applied = await bulk.acked('directory', at(31), APPLIED);
    expect(applied).toMatchObject({ path: 1 });
    expect(applied.tookUs).toBeGreaterThan(0n);
    await bulk.acked('directory', at(31), ENFORCED);
    expect(edge.workers[0]?.current.user('usr_c')?.email).toBe('usr_c@corp.test');
  });

  it('acknowledges a revocation as enforced only when every worker has said so', async () => {
    edge = await startEdgeUnderTest([plane], { workers: 2 });
    const { revoke } = await bringUp(plane, edge);
    edge.hold(1);
    revoke.sendFrame('revoke', at(11), [userBlock('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(11), APPLIED);
    expect(blocked(edge, 'usr_a')).toEqual([true, true]);
    expect(edge.sync.board.get('revoke').enforced?.position).toEqual(at(10));
    edge.release(1);
    await revoke.acked('revoke', at(11), ENFORCED);
  });

  it('is told of the secrets that the state refers to', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    bulk.sendFrame('config', at(21), [secretRef('cookie-ring', Buffer.from('value'))]);
    const references = await edge.secrets.next((all) => all.size > 0);
    expect(references.get('cookie-ring')?.version).toBe(1);
  });

  it('knows how old its state is by the heartbeats that find the lane complete', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    const ageMs = () => edge.tables.ages.ageMs('revoke');
    await expect.poll(ageMs).toBeLessThan(5_000);
    // Heartbeats that do not speak of the lane keep the stream, and the lane grows old.
    revoke.leftOut.add('revoke');
    await expect.poll(ageMs, { timeout: 10_000 }).toBeGreaterThan(1_500);
    const old = ageMs();
    revoke.sendHeartbeat([['revoke', at(10)]], 60_000);
    revoke.sendFrame('revoke', at(11), []);
    await revoke.acked('revoke', at(11), APPLIED);
    expect(ageMs()).toBeGreaterThanOrEqual(old);
    revoke.sendHeartbeat([['revoke', at(11)]]);
    await expect.poll(ageMs, { timeout: 10_000 }).toBeLessThan(old);
  });

  it('reports how its lanes stand when the digests differ, and fetches only what differs', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    // A row that this edge never got: the control plane has it at the same position.
    bulk.leftOut.add('directory');
    bulk.sendFrame('directory', at(31), []);
    await bulk.acked('directory', at(31), ENFORCED);
    bulk.sendHeartbeat([['directory', at(31), new Uint8Array(32)]]);
    const report = await bulk.reports.next((one) => one.digestAgrees === false);
    expect(Object.fromEntries(Object.entries(report.alarms))).toMatchObject({ digest: 1n });
    expect((await bulk.nacks.next()).code).toBe(NackCode.DIGEST);
    const hello = await bulk.hellos.next((one) => one !== bulk.hello);
    expect(bulk.have('directory', hello)?.position).toBeNull();
    bulk.fetches.all.length = 0;
    bulk.sendState('directory', at(32), [sampleUser('usr_a'), sampleUser('usr_b')]);
    await bulk.acked('directory', at(32), ENFORCED);
    expect(bulk.fetches.all.map(({ shards }) => shards.length)).toEqual([1]);
    expect(edge.workers[0]?.current.user('usr_b')).not.toBeNull();
    expect(edge.sync.digestAgrees('directory')).toBe(true);
  });
});

describe('the configuration that an edge gets', () => {
  it('is taken without a signing key that the root key does not vouch for', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    const forged = sampleSigningKey(createRootKey(), 'forged');
    bulk.sendFrame('config', at(21), [forged, sampleSigningKey(plane.root, 'genuine')]);
    expect(await bulk.nacks.next()).toMatchObject({ code: NackCode.SIGNATURE });
    // Nothing after it is acknowledged while the row stands: that would be for it, too.
    bulk.sendFrame('config', at(22), []);
    bulk.sendFrame('config', at(23), [{ op: 'deleted_signing_key', keyId: 'forged' }]);
    await bulk.acked('config', at(23), ENFORCED);
    expect(bulk.acks.all.some(({ position }) => position?.rev === 22n)).toBe(false);
    const [worker] = edge.workers;
    expect(worker?.current.statementKey('forged', 1)).toBeNull();
    expect(worker?.current.statementKey('genuine', 1)).not.toBeNull();
  });

  it('goes on with the last good version when one does not compile', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    const release = (version: number) =>
      ({ op: 'release', ring: 'default', version, shadowVersion: null }) as const;
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

  it('counts in the digest as it came, also where a row of it is not live', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    bulk.leftOut.add('config');
    const broken = bundleOf(9, Buffer.from('{"documents":[{}]}'));
    const state = bulk.sendState('config', at(25), [broken, sampleSigningKey(plane.root)]);
    expect((await bulk.nacks.next()).code).toBe(NackCode.COMPILE);
    bulk.sendHeartbeat([['config', at(25), state.digest]]);
    bulk.sendFrame('config', at(26), []);
    await expect.poll(() => edge.sync.board.get('config').taken).toEqual(at(26));
    await expect.poll(() => edge.sync.digestAgrees('config')).toBe(true);
    expect(edge.sync.board.get('config').enforced?.position).toEqual(at(20));
    expect(edge.workers[0]?.current.bundle()?.version).toBe(1);
  });
});

describe('an edge whose control plane goes away', () => {
  it('keeps serving from its state and follows again when it is back, with a proof', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), []);
    await revoke.acked('revoke', at(11), ENFORCED);
    plane.close();
    await edge.ends.next();
    expect(edge.workers[0]?.current.ready()).toBe(true);
    await plane.open();
    const again = await streamAfter(plane, revoke);
    expect(again.have('revoke')?.position).toEqual(at(11));
    expect(again.have('revoke')?.proof).toMatchObject({ epoch: 1, prevRev: 10, rev: 11 });
    again.resume('revoke', 'tail', at(12));
    again.sendFrame('revoke', at(12), [userBlock('rev_1', 'usr_a')]);
    await again.acked('revoke', at(12), ENFORCED);
  });

  it('tells its log where and why, and when it is back', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    expect(edge.sync.answered).toBe(true);
    const of = (event: string, stream: string) => (line: Readonly<Record<string, unknown>>) =>
      line['event'] === event && line['stream'] === stream;
    const { target: server } = plane;
    expect(await edge.logged.first(of('sync.stream_opened', 'bulk'))).toMatchObject({
      server,
      lanes: { config: 'shards', directory: 'shards', signals: 'shards' },
    });
    plane.close();
    const line = await edge.logged.first(of('sync.control_plane_unreachable', 'revoke'));
    expect(line).toMatchObject({ server, trouble: `${server}: nothing listens there` });
    const ended = await edge.logged.first(of('sync.stream_ended', 'revoke'));
    expect(ended).toMatchObject({ server, next: false, count: 1 });
    expect(edge.sync.answered).toBe(false);
    await plane.open();
    const again = await streamAfter(plane, revoke);
    again.resume('revoke', 'tail', at(10));
    const back = of('sync.stream_opened', 'revoke');
    await edge.logged.first(
      (one) => back(one) && isDeepStrictEqual(one['lanes'], { revoke: 'tail' }),
    );
    expect(edge.sync.answered).toBe(true);
  });

  it('repeats its acks on a new stream, for those that got lost with the old one', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    revoke.end();
    const again = await streamAfter(plane, revoke);
    again.resume('revoke', 'tail', at(10));
    await again.acked('revoke', at(10), APPLIED);
    await again.acked('revoke', at(10), ENFORCED);
  });

  it('gives a stream up that says nothing for two seconds, and counts it', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    // One that has beaten must go on beating.
    revoke.sendHeartbeat([['revoke', at(10)]]);
    revoke.beats = false;
    expect(await edge.ends.next(({ stream }) => stream === 'revoke')).toMatchObject({
      reason: 'silence',
      next: true,
    });
    expect(edge.sync.board.alarms('revoke')).toMatchObject({ silence: 1 });
  });

  it('does not take for silence that it waits itself, with one lane of the stream', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    edge.hold(0);
    for (let rev = 31; rev <= 70; rev += 1) bulk.sendFrame('directory', at(rev), []);
    bulk.sendFrame('config', at(21), []);
    // Heartbeats are not read meanwhile: the next one stands behind the configuration.
    await expect.poll(() => edge.tables.ages.ageMs('signals')).toBeGreaterThan(2_500);
    edge.release(0);
    await bulk.acked('config', at(21), ENFORCED);
    expect(edge.ends.all.filter(({ stream }) => stream === 'bulk')).toEqual([]);
    const silent = edge.alarms.all.filter(([, name]) => name === 'silence');
    expect(silent.filter(([lane]) => lane !== 'revoke')).toEqual([]);
  });

  it('goes on to the next control plane when it cannot be reached or sends it away', async () => {
    const second = await ScriptedControlPlane.start({
      authority: plane.authority,
      root: plane.root,
      keys: plane.keys,
    });
    edge = await startEdgeUnderTest([plane, second]);
    const { revoke } = await bringUp(plane, edge);
    revoke.resume('revoke', 'redirect', at(10));
    const fits = (one: { have(lane: 'revoke'): { position: unknown } | undefined }) =>
      one.have('revoke')?.position !== null && one.have('revoke') !== undefined;
    const redirected = await second.streams.next(fits);
    expect(redirected.have('revoke')?.position).toEqual(at(10));
    plane.close();
    const moved = await second.streams.next((one) => one.lanes.includes('config'));
    expect(moved.have('config')?.position).toEqual(at(20));
    expect(moved.have('directory')?.position).toEqual(at(30));
    second.close();
  });

  it('does not talk to a server that another authority vouches for', async () => {
    const stranger = await ScriptedControlPlane.start();
    edge = await startEdgeUnderTest([plane, stranger]);
    await streamOf(plane, 'revoke');
    plane.close();
    for (let ends = 0; ends < 4; ends += 1) await edge.ends.next();
    expect(stranger.streams.all).toEqual([]);
    stranger.close();
  });

  it('lifts what was lifted while it was away', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), [userBlock('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(11), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    revoke.end();
    const again = await streamAfter(plane, revoke);
    again.resume('revoke', 'tail', at(12));
    again.sendFrame('revoke', at(12), [userLift('rev_1', 'usr_a')]);
    await again.acked('revoke', at(12), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
  });
});
