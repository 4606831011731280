import { beforeAll, describe, expect, it } from 'vitest';
import { readHead } from '../../store/change-log.ts';
import { type EdgeWorld, startEdgeWorld, startReplica } from '../../testing/edge-world.ts';
import { addDevices, addUser, endEveryone } from '../../testing/lane-writes.ts';
import { ScriptedEdge } from '../../testing/scripted-edge.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
  await addDevices(world.database, 600, 200);
});

async function builtOf(replica: EdgeWorld, lane: string): Promise<number> {
  const metric = await replica.metrics.getSingleMetric('sallyport_snapshots_built_total')?.get();
  return metric?.values.find(({ labels }) => labels['lane'] === lane)?.value ?? 0;
}

describe('a whole state', () => {
  const signed = () => ({ rootPublicKey: world.seed.rootPublicKey });

  it('begun at one replica is finished at another with the shards that came already', async () => {
    const { database, url, seed, sealKey } = world;
    const other = await startReplica(database, url, seed, sealKey, { replica: 'other' });
    const { client, identity } = await world.joinEdge();
    const first = new ScriptedEdge(client, { directory: null }, { ...signed(), fetch: false });
    const lane = first.lane('directory');
    await first.until(() => lane.manifests.length > 0);
    const [manifest] = lane.manifests;
    if (manifest === undefined) throw new Error('there is no manifest');
    const all = manifest.shards.flatMap(({ rows }, index) => (rows > 0 ? [index] : []));
    const some = all.slice(0, 100);
    first.fetch('directory', manifest.position, some);
    await first.until(() => lane.kept.size >= some.length);
    first.close();

    const second = new ScriptedEdge(
      other.client(identity),
      { directory: null },
      { ...signed(), from: first },
    );
    await second.untilHead('directory', manifest.position);
    const fetched = second.lane('directory').fetched[0] ?? [];
    expect(fetched).toHaveLength(all.length - some.length);
    expect(second.lane('directory').partsTaken).toBe(all.length - some.length);
    await second.untilHead('directory', await addUser(database, 'then@corp.example'));
    expect([...first.problems, ...second.problems]).toEqual([]);
    second.close();
    await other.stop();
  });

  it('is built once for all that ask together, and again only by what has changed', async () => {
    const replica = await startReplica(world.database, world.url, world.seed, world.sealKey);
    const { client } = await replica.joinEdge();
    const edges = Array.from(
      { length: 8 },
      () => new ScriptedEdge(client, { directory: null }, signed()),
    );
    for (const edge of edges) {
      await edge.until(() => edge.lane('directory').head !== null);
      edge.close();
    }
    expect(await builtOf(replica, 'directory')).toBe(1);
    // The same rows have the same bytes at every replica.
    const here = new ScriptedEdge(client, { directory: null }, signed());
    const { client: there } = await world.joinEdge();
    const elsewhere = new ScriptedEdge(there, { directory: null }, signed());
    const head = await readHead(world.database.db, 'directory');
    for (const edge of [here, elsewhere]) await edge.untilHead('directory', head);
    const digestOf = (edge: ScriptedEdge) => edge.lane('directory').rows.digest();
    expect(digestOf(here)).toBe(digestOf(elsewhere));
    here.close();
    elsewhere.close();
    await replica.stop();
  });

  it('is refused for load with a time to come back, and revocations are not', async () => {
    const { database, url, seed, sealKey } = world;
    const admission = { hellosPerSecond: 0.01, hellosBurst: 1, transfersMax: 1 };
    const busy = await startReplica(database, url, seed, sealKey, { admission });
    const { client } = await busy.joinEdge();
    const first = new ScriptedEdge(client, { directory: null }, signed());
    await first.until(() => first.lane('directory').head !== null);
    const refused = new ScriptedEdge(client, { config: null, directory: null }, signed());
    await refused.until(() => refused.end !== null);
    expect(refused.end?.retryAfterMs).toBeGreaterThanOrEqual(100);
    expect(refused.end?.retryAfterMs).toBeLessThanOrEqual(5_000);
    expect(refused.kinds).toEqual([]);
    const urgent = new ScriptedEdge(client, { revoke: null }, signed());
    await urgent.until(() => urgent.lane('revoke').head !== null);
    await urgent.untilHead('revoke', await endEveryone(database));
    expect(urgent.problems).toEqual([]);
    for (const edge of [first, urgent]) edge.close();
    await busy.stop();
  });

  it('goes to one edge after the other where there are few places, and revocations between', async () => {
    const { database, url, seed, sealKey } = world;
    await addDevices(database, 300, 4_000);
    const admission = { hellosPerSecond: 100, hellosBurst: 100, transfersMax: 1 };
    const busy = await startReplica(database, url, seed, sealKey, { admission });
    const { client } = await busy.joinEdge();
    const edges = Array.from(
      { length: 4 },
      () => new ScriptedEdge(client, { revoke: null, directory: null }, signed()),
    );
    const ended = await endEveryone(database);
    for (const edge of edges) {
      await edge.untilHead('revoke', ended);
      await edge.until(() => edge.lane('directory').head !== null, 20_000);
      expect(edge.problems).toEqual([]);
      edge.close();
    }
    await busy.stop();
  });

  it('starts again on the same stream when the edge says Hello again for its lane', async () => {
    const { client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null, directory: null }, signed());
    const lane = edge.lane('directory');
    await edge.untilHead('directory', await readHead(world.database.db, 'directory'));
    await edge.until(() => edge.lane('revoke').head !== null);
    lane.head = null;
    edge.hello(['directory']);
    await edge.until(() => lane.resumes.length === 2 && lane.head !== null);
    expect(lane.resumes).toEqual(['shards', 'shards']);
    // It has them all.
    expect(lane.fetched.at(-1)).toEqual([]);
    expect(edge.lane('revoke').resumes).toEqual(['shards']);
    await edge.untilHead('directory', await addUser(world.database, 'again@corp.example'));
    expect(edge.problems).toEqual([]);
    edge.close();
  });
});
