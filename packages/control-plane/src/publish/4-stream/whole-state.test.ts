import { lanes } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { transaction } from '../../store/database.ts';
import { raiseEpoch } from '../../store/epoch.ts';
import {
  type EdgeWorld,
  startEdgeWorld,
  startReplica,
  testActor,
} from '../../testing/edge-world.ts';
import { addUser } from '../../testing/lane-writes.ts';
import { ScriptedEdge } from '../../testing/scripted-edge.ts';

/** A clock that stands still: what a replica puts off by a time never comes. */
const monotonic = () => 1_000;

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld({ monotonic });
});

describe('the whole state of a lane', () => {
  it('goes to an edge when the image of a new epoch is there, and not after a pause', async () => {
    const { client } = await world.joinEdge();
    const have = { revoke: null, config: null, signals: null, directory: null };
    const edge = new ScriptedEdge(client, have, { rootPublicKey: world.seed.rootPublicKey });
    await edge.until(() => lanes.every((lane) => edge.lane(lane).head !== null));
    for (const reason of ['once', 'and again']) {
      const order = { reason, actor: testActor, nowMs: Date.now() };
      const { epoch } = await raiseEpoch(world.database, order);
      await edge.until(() => lanes.every((lane) => edge.lane(lane).head?.epoch === epoch));
    }
    expect(edge.problems).toEqual([]);
    edge.close();
  });

  it('goes to an edge that said Hello before there was an image, as soon as there is one', async () => {
    const { database, url, seed, sealKey } = world;
    const user = await addUser(database, 'first@corp.example');
    const { identity } = await world.joinEdge();
    const held = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holding = transaction(database.ordinary, async (db) => {
      await db.execute('lock table users in access exclusive mode');
      locked.resolve();
      await held.promise;
    });
    await locked.promise;
    const there = await startReplica(database, url, seed, sealKey, { replica: 'there', monotonic });
    const edge = new ScriptedEdge(there.client(identity), { directory: null });
    // It was heard: keys and heartbeats go only to an edge that said Hello.
    await edge.until(() => edge.heartbeats.length > 0);
    expect(edge.lane('directory').resumes).toEqual([]);
    held.resolve();
    await holding;
    await edge.untilHead('directory', user);
    expect(edge.lane('directory').resumes).toEqual(['shards']);
    edge.close();
    await there.stop();
  });
});
