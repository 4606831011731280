import { setTimeout as delay } from 'node:timers/promises';
import { toBinary } from '@bufbuild/protobuf';
import {
  AckStage,
  StatePath,
  type SyncMessage,
  SyncResponseSchema,
  syncResponse,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import { busSubjects } from '@sallyport/shared/bus/bus';
import { edgeLimits } from '@sallyport/shared/sync/edge-limits';
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
import { LocalBus } from '../../testing/local-bus.ts';
import { createRootKey } from '../../testing/sample-state.ts';
import { ScriptedControlPlane } from '../../testing/scripted-control-plane.ts';
import { scriptedKeys } from '../../testing/scripted-keys.ts';

const { ENFORCED } = AckStage;
const denial = [userBlock('rev_1', 'usr_a')];

let plane: ScriptedControlPlane;
let edge: EdgeUnderTest;

beforeEach(async () => {
  plane = await ScriptedControlPlane.start({ demandsCertificates: true });
});
afterEach(async () => {
  await edge.stop();
  plane.close();
});

/** Another replica of the same control plane. */
function replica(): Promise<ScriptedControlPlane> {
  const { authority, root, keys } = plane;
  return ScriptedControlPlane.start({ authority, root, keys });
}

function publish(bus: LocalBus, subject: string, message: SyncMessage): void {
  bus.publish(subject, toBinary(SyncResponseSchema, syncResponse(message)));
}

describe('a second control plane', () => {
  it('brings revocations too, and the first way wins', async () => {
    const second = await replica();
    edge = await startEdgeUnderTest([plane, second]);
    const { revoke } = await bringUp(plane, edge);
    const standby = await streamOf(second, 'revoke');
    expect(standby.lanes).toEqual(['revoke']);
    const last = second.streams.all.length;
    standby.resume('revoke', 'tail', at(10));
    standby.sendFrame('revoke', at(11), denial);
    expect(await revoke.acked('revoke', at(11), ENFORCED)).toMatchObject({
      path: StatePath.STANDBY,
    });
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    revoke.sendFrame('revoke', at(11), denial);
    revoke.sendFrame('revoke', at(12), [userLift('rev_1', 'usr_a')]);
    expect(await revoke.acked('revoke', at(12), ENFORCED)).toMatchObject({ path: StatePath.GRPC });
    standby.sendFrame('revoke', at(12), [userLift('rev_1', 'usr_a')]);
    standby.sendFrame('revoke', at(13), []);
    await revoke.acked('revoke', at(13), ENFORCED);
    expect(edge.sync.board.firsts('revoke')).toMatchObject({ grpc: 2, standby: 2 });
    expect(edge.alarms.all.filter(([lane]) => lane === 'revoke')).toEqual([]);
    expect(second.streams.all).toHaveLength(last);
    second.close();
  });
});

describe('the bus', () => {
  let bus: LocalBus;

  beforeEach(() => {
    bus = new LocalBus();
  });

  /** By the bus, again where it was more than is looked at in a second: a slow machine looks at less. */
  async function bring(message: SyncMessage): Promise<void> {
    const flooded = () => edge.sync.board.alarms('revoke')['flooded'] ?? 0;
    for (;;) {
      const before = flooded();
      publish(bus, busSubjects.revoke, message);
      if (flooded() === before) return;
      await delay(20);
    }
  }

  it('brings revocations, takes the place of a second stream, and gives it back when it is gone', async () => {
    const second = await replica();
    edge = await startEdgeUnderTest([plane, second], { bus });
    const { revoke } = await bringUp(plane, edge);
    expect(second.streams.all.some((one) => one.lanes.includes('revoke'))).toBe(false);
    publish(bus, busSubjects.revoke, {
      kind: 'frame',
      value: revoke.frame('revoke', at(11), denial),
    });
    expect(await revoke.acked('revoke', at(11), ENFORCED)).toMatchObject({ path: StatePath.NATS });
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    bus.connect(false);
    const standby = await second.streams.next((one) => one.lanes.includes('revoke'));
    expect(standby.have('revoke')?.position).toEqual(at(11));
    bus.connect(true);
    await standby.ended;
    second.close();
  });

  it('brings nothing that is not signed by the control plane, whoever sends it', async () => {
    edge = await startEdgeUnderTest([plane], { bus });
    const { revoke } = await bringUp(plane, edge);
    const foreign = scriptedKeys(createRootKey(), 'scripted');
    const frame = revoke.frame('revoke', at(11), denial);
    const forged = { ...frame, body: revoke.frame('revoke', at(11), []).body };
    publish(bus, busSubjects.revoke, { kind: 'frame', value: forged });
    publish(bus, busSubjects.revoke, { kind: 'keys', value: { keys: foreign.keys() } });
    const head = { lane: 'revoke', head: at(99), digest: null, digestAt: null } as const;
    const heartbeat = { replica: 'x', sentAtMs: Date.now(), logAgeMs: 0, heads: [head] };
    const value = foreign.heartbeat(heartbeat, Date.now());
    publish(bus, busSubjects.heartbeat, { kind: 'heartbeat', value });
    bus.publish(busSubjects.revoke, Buffer.from([0xff, 0xff, 0xff]));
    // Of a lane that never goes by the bus.
    publish(bus, busSubjects.config, {
      kind: 'frame',
      value: revoke.frame('directory', at(31), []),
    });
    const { board } = edge.sync;
    expect(board.get('directory').taken).toEqual(at(30));
    expect(board.get('revoke').taken).toEqual(at(10));
    expect(board.alarms('revoke')).toMatchObject({
      forged: 2,
      unexpected: 2,
      refused_signature: 1,
    });
    for (const lane of ['signals', 'config', 'directory'] as const) {
      expect(board.alarms(lane)).toEqual({});
    }
    expect(edge.ends.all).toEqual([]);
    revoke.sendFrame('revoke', at(11), denial);
    await revoke.acked('revoke', at(11), ENFORCED);
  });

  it('enforces what a replica denies provisionally, until it ends', async () => {
    edge = await startEdgeUnderTest([plane], { bus });
    const { revoke } = await bringUp(plane, edge);
    const { body } = revoke.frame('revoke', at(11), denial);
    const issuedAtMs = Date.now();
    const provisional = { id: 'prv_1', issuedAtMs, expiresAtMs: issuedAtMs + 1_500, body };
    const value = plane.keys.provisional(provisional, issuedAtMs);
    publish(bus, busSubjects.revoke, { kind: 'provisional', value });
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    expect(edge.sync.board.get('revoke').taken).toEqual(at(10));
    await expect.poll(() => blocked(edge, 'usr_a'), { timeout: 10_000 }).toEqual([false]);
  });

  it('may bring more denials than are enforced ahead: the log and the report say how many', async () => {
    edge = await startEdgeUnderTest([plane], { bus });
    const { revoke } = await bringUp(plane, edge);
    const { body } = revoke.frame('revoke', at(11), denial);
    const issuedAtMs = Date.now();
    const tooMany = 20;
    for (let n = 0; n < edgeLimits.provisionalsMax + tooMany; n += 1) {
      const one = { id: `prv_${n}`, issuedAtMs, expiresAtMs: issuedAtMs + 60_000, body };
      await bring({ kind: 'provisional', value: plane.keys.provisional(one, issuedAtMs) });
    }
    const count = BigInt(tooMany);
    const seen = () => edge.sync.board.alarms('revoke')['overflow'];
    await expect.poll(seen, { timeout: 20_000 }).toBe(tooMany);
    // Has it report at once.
    revoke.sendHeartbeat([['revoke', at(10), new Uint8Array(32)]]);
    // One that was due may go before it.
    const report = await revoke.reports.next(({ alarms }) => alarms['digest'] === 1n);
    expect(report.alarms).toMatchObject({ overflow: count });
    const said = () => edge.logged.all.filter(({ name }) => name === 'overflow');
    const inAll = () => said().reduce((sum, { count }) => sum + Number(count), 0);
    await expect.poll(inAll, { timeout: 10_000 }).toBe(tooMany);
    const line = { event: 'sync.alarm', lane: 'revoke', path: 'nats' };
    expect(said()[0]).toMatchObject({ ...line, count: 1 });
    expect(said().length).toBeLessThan(tooMany);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
  });
});

describe('an epoch that begins without what an edge enforces', () => {
  it('changes none of it: blocks are carried, told upward, and go when they are lifted or arrive', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), [
      ...denial,
      userBlock('rev_2', 'usr_b'),
      userBlock('rev_3', 'usr_c'),
    ]);
    await revoke.acked('revoke', at(11), ENFORCED);
    // The history that the new epoch goes on from ends before that.
    revoke.sendState('revoke', at(0, 2), [userBlock('rev_3', 'usr_c')], at(10));
    await revoke.acked('revoke', at(0, 2), ENFORCED);
    for (const user of ['usr_a', 'usr_b', 'usr_c']) expect(blocked(edge, user)).toEqual([true]);
    const carried = await revoke.carried.next(({ blocks }) => blocks.length > 0);
    expect(carried.blocks.map(({ revocationId }) => revocationId).toSorted()).toEqual([
      'rev_1',
      'rev_2',
    ]);
    // A restore that was declared is nothing to be alarmed about.
    expect(edge.sync.board.alarms('revoke')).toEqual({});
    expect(edge.sync.board.get('revoke').taken).toEqual(at(0, 2));
    revoke.sendFrame('revoke', at(1, 2), [userLift('rev_1', 'usr_a'), userBlock('rev_2', 'usr_b')]);
    await revoke.acked('revoke', at(1, 2), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
    revoke.sendFrame('revoke', at(2, 2), [userLift('rev_2', 'usr_b')]);
    await revoke.acked('revoke', at(2, 2), ENFORCED);
    expect(blocked(edge, 'usr_b')).toEqual([false]);
    const { all: logged } = edge.logged;
    const changed = logged.filter(({ event }) => event === 'state.epoch_changed');
    expect(changed).toMatchObject([{ lane: 'revoke', before: 1, epoch: 2, rev: 0 }]);
    const carrying = logged.filter(({ event }) => event === 'state.blocks_carried');
    expect(carrying.map(({ blocks }) => blocks)).toEqual([2, 0]);
  });

  it('is told when nothing is carried any more, and once on each stream that follows', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    const told = ({ carried }: typeof revoke) => carried.all.map(({ blocks }) => blocks.length);
    revoke.sendFrame('revoke', at(11), denial);
    await revoke.acked('revoke', at(11), ENFORCED);
    // For a control plane that had heard of some of the edge before it.
    expect(told(revoke)).toEqual([0]);
    revoke.sendState('revoke', at(0, 2), [], at(10));
    await revoke.acked('revoke', at(0, 2), ENFORCED);
    await revoke.carried.next(({ blocks }) => blocks.length === 1);
    revoke.sendFrame('revoke', at(1, 2), [userLift('rev_1', 'usr_a')]);
    await revoke.carried.next(({ blocks }) => blocks.length === 0);
    const times = told(revoke).length;
    revoke.sendFrame('revoke', at(2, 2), denial);
    revoke.sendFrame('revoke', at(3, 2), [userLift('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(3, 2), ENFORCED);
    expect(told(revoke)).toHaveLength(times);
    revoke.end();
    const again = await streamAfter(plane, revoke);
    again.resume('revoke', 'tail', at(3, 2));
    await again.acked('revoke', at(3, 2), ENFORCED);
    await expect.poll(() => told(again)).toEqual([0]);
  });

  it('is not believed to have lifted what it only lacks, until it lifts it once more', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke } = await bringUp(plane, edge);
    revoke.sendFrame('revoke', at(11), denial);
    await revoke.acked('revoke', at(11), ENFORCED);
    revoke.sendState('revoke', at(3, 2), [], at(15));
    await revoke.acked('revoke', at(3, 2), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([true]);
    await revoke.carried.next(({ blocks }) => blocks.length === 1);
    revoke.sendFrame('revoke', at(4, 2), [userLift('rev_1', 'usr_a')]);
    await revoke.acked('revoke', at(4, 2), ENFORCED);
    expect(blocked(edge, 'usr_a')).toEqual([false]);
  });
});

describe('a control plane that does not want the edge now', () => {
  it('is asked again when it said, on the connection that is there', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { bulk } = await bringUp(plane, edge);
    const { peer } = bulk;
    bulk.fail(status.UNAVAILABLE, 300);
    expect(await edge.ends.next()).toMatchObject({
      reason: 'busy',
      retryAfterMs: 300,
      next: false,
    });
    const again = await streamAfter(plane, bulk);
    expect(again.peer).toBe(peer);
  });

  it('is left alone for long by an edge that it turns away, whose state grows old', async () => {
    edge = await startEdgeUnderTest([plane]);
    const { revoke, bulk } = await bringUp(plane, edge);
    const ageMs = () => edge.tables.ages.ageMs('revoke');
    await expect.poll(ageMs, { timeout: 10_000 }).toBeLessThan(5_000);
    const streams = plane.streams.all.length;
    bulk.fail(status.PERMISSION_DENIED);
    revoke.fail(status.PERMISSION_DENIED);
    for (const _ of [1, 2]) expect(await edge.ends.next()).toMatchObject({ reason: 'barred' });
    const before = ageMs();
    await expect.poll(ageMs, { timeout: 10_000 }).toBeGreaterThan(before + 500);
    expect(plane.streams.all).toHaveLength(streams);
    // It goes on denying what it denies, and deciding by what it has, until that is too old.
    expect(edge.workers[0]?.current.ready()).toBe(true);
  });
});
