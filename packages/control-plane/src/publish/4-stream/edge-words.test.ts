import { create } from '@bufbuild/protobuf';
import {
  BlockKind,
  BlockSchema,
  CarriedSchema,
  ReportSchema,
  SyncRequestSchema,
  Lane as WireLane,
} from '@sallyport/proto';
import { status } from '@sallyport/proto/grpc';
import type { Position } from '@sallyport/shared/state/model';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { readHead } from '../../store/change-log.ts';
import {
  type EdgeWorld,
  type JoinedEdge,
  startEdgeWorld,
  startReplica,
} from '../../testing/edge-world.ts';
import { addUser, endEveryone } from '../../testing/lane-writes.ts';
import { ScriptedEdge } from '../../testing/scripted-edge.ts';

let world: EdgeWorld;
let joined: JoinedEdge;

beforeAll(async () => {
  world = await startEdgeWorld();
  await addUser(world.database, 'somebody@corp.example');
});

beforeEach(async () => {
  joined = await world.joinEdge();
});

async function follow(): Promise<ScriptedEdge> {
  const { rootPublicKey } = world.seed;
  const edge = new ScriptedEdge(
    joined.client,
    { revoke: null, directory: null },
    { rootPublicKey },
  );
  await edge.until(() => edge.lane('revoke').head !== null && edge.lane('directory').head !== null);
  return edge;
}

/** The stream lives and goes on. */
async function goesOn(edge: ScriptedEdge): Promise<void> {
  await edge.untilHead('revoke', await endEveryone(world.database));
  expect(edge.problems).toEqual([]);
  expect(edge.end).toBe(null);
  edge.close();
}

describe('what an edge says', () => {
  it('of shards that there are not, or of another manifest, fetches nothing', async () => {
    const edge = new ScriptedEdge(
      joined.client,
      { revoke: null, directory: null },
      { rootPublicKey: world.seed.rootPublicKey, fetch: false },
    );
    const lane = edge.lane('directory');
    await edge.until(() => lane.manifests.length > 0);
    const position = lane.manifests[0]?.position as Position;
    edge.fetch('directory', { epoch: position.epoch, rev: position.rev + 7 }, [0, 1]);
    edge.fetch('directory', position, [256, 70_000, 4_294_967_295]);
    await edge.until(() => edge.heartbeats.length > 0);
    expect(lane.partsTaken).toBe(0);
    edge.close();
  });

  it('in a report of odd names and numbers is kept within bounds', async () => {
    const edge = await follow();
    const alarms: Record<string, bigint> = { gap: 3n, 'not a name': 1n, [`x`.repeat(99)]: 1n };
    for (let n = 0; n < 100; n += 1) alarms[`many_${n}`] = 1n;
    edge.send({
      case: 'report',
      value: create(ReportSchema, {
        lane: WireLane.REVOKE,
        stalenessMs: 18_446_744_073_709_551_615n,
        digestAgrees: false,
        alarms,
      }),
    });
    edge.send({ case: 'report', value: create(ReportSchema, { lane: 77 as WireLane }) });
    const seen = () => world.publisher.receipts.edgeStatus(joined.edgeId);
    await expect.poll(() => seen()?.lanes.revoke?.digestAgrees, { timeout: 5_000 }).toBe(false);
    expect(seen()?.lanes.revoke?.stalenessMs).toBe(null);
    const kept = seen()?.lanes.revoke?.alarms ?? {};
    expect(Object.keys(kept)).toHaveLength(32);
    // Of those that are not kept it is told how many there were.
    expect([kept['gap'], kept['many_29'], kept['many_30'], kept['other']]).toEqual([
      3,
      1,
      undefined,
      70 + 2,
    ]);
    await goesOn(edge);
  });

  it('of a kind that only a newer protocol knows changes nothing (F41)', async () => {
    const edge = await follow();
    const newer = create(SyncRequestSchema);
    // Field 99, a length and three bytes.
    newer.$unknown = [{ no: 99, wireType: 2, data: Buffer.from([3, 1, 2, 3]) }];
    edge.sendRaw(newer);
    await goesOn(edge);
  });

  it('of blocks that it carries is shown, and ends the stream where it cannot be read', async () => {
    const edge = await follow();
    const block = { revocationId: 'rev_x', kind: BlockKind.USER, subjectId: 'usr_x' };
    edge.send({ case: 'carried', value: create(CarriedSchema, { blocks: [block] }) });
    const carried = () => world.publisher.receipts.edgeStatus(joined.edgeId)?.carriedBlocks;
    await expect.poll(carried, { timeout: 5_000 }).toBe(1);
    const odd = create(BlockSchema, { kind: 99 as BlockKind });
    edge.send({ case: 'carried', value: create(CarriedSchema, { blocks: [odd] }) });
    await edge.until(() => edge.end !== null);
    expect(edge.end?.code).toBe(status.INVALID_ARGUMENT);
  });

  it('too often of itself ends the stream', async () => {
    const edge = await follow();
    for (let n = 0; n < 30; n += 1) edge.hello(['directory']);
    await edge.until(() => edge.end !== null);
    expect(edge.end?.code).toBe(status.INVALID_ARGUMENT);
  });
});

describe('an edge that says too much', () => {
  const limits = { acksPerSecond: 1_000, messagesPerSecond: 5, bytesPerSecond: 10_000 };

  it('loses its streams, whichever of them it says it on, and nobody else does', async () => {
    const { database, url, seed, sealKey } = world;
    const budget = { ...limits, burstSeconds: 2 };
    const replica = await startReplica(database, url, seed, sealKey, { budget });
    const { client } = await replica.joinEdge();
    const { client: otherClient } = await replica.joinEdge();
    const options = { rootPublicKey: seed.rootPublicKey };
    const [one, two] = [0, 1].map(() => new ScriptedEdge(client, { revoke: null }, options));
    const other = new ScriptedEdge(otherClient, { revoke: null }, options);
    if (one === undefined || two === undefined) throw new Error('there are two');
    for (const edge of [one, two, other]) {
      await edge.until(() => edge.lane('revoke').head !== null);
    }
    // Acknowledgements are many where revisions are, and have room of their own.
    const head = one.lane('revoke').head as Position;
    for (let n = 0; n < 100; n += 1) one.ack('revoke', head);
    const report = create(ReportSchema, { lane: WireLane.REVOKE });
    for (let n = 0; n < 20; n += 1) one.send({ case: 'report', value: report });
    await one.until(() => one.end !== null);
    expect(one.end?.code).toBe(status.RESOURCE_EXHAUSTED);
    for (let n = 0; n < 20; n += 1) two.send({ case: 'report', value: report });
    await two.until(() => two.end !== null);
    expect(two.end?.code).toBe(status.RESOURCE_EXHAUSTED);
    await goesOn(other);
    await replica.stop();
  });

  it('in few words that are long loses its stream, too', async () => {
    const { database, url, seed, sealKey } = world;
    const budget = { ...limits, burstSeconds: 2 };
    const replica = await startReplica(database, url, seed, sealKey, { budget });
    const { client } = await replica.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null }, {});
    await edge.until(() => edge.lane('revoke').head !== null);
    const digest = new Uint8Array(30_000);
    edge.send({ case: 'report', value: create(ReportSchema, { lane: WireLane.REVOKE, digest }) });
    await edge.until(() => edge.end !== null);
    expect(edge.end?.code).toBe(status.RESOURCE_EXHAUSTED);
    await replica.stop();
  });
});

describe('a database that is slow', () => {
  it('holds up neither heartbeats nor the streams, and they say how old the log is (F2)', async () => {
    const edge = await follow();
    const locker = await world.database.connect();
    await locker.query('begin');
    await locker.query('lock table change_log, lane_heads in access exclusive mode');
    const before = edge.heartbeats.length;
    await edge.until(() => edge.heartbeats.length >= before + 4);
    const ageMs = () => Number(edge.heartbeats.at(-1)?.logAgeMs ?? 0n);
    expect(ageMs()).toBeGreaterThan(2_000);
    const startedAtMs = performance.now();
    await locker.query('rollback');
    await locker.end();
    await edge.until(() => ageMs() < 1_500);
    const tookMs = Math.round(performance.now() - startedAtMs);
    process.stdout.write(`F2: recovered in ${tookMs} ms\n`);
    expect((await readHead(world.database.db, 'revoke')).epoch).toBe(
      edge.lane('revoke').head?.epoch,
    );
    await goesOn(edge);
  });
});
