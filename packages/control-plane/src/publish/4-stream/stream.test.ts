import { type EdgeSyncClient, status } from '@sallyport/proto/grpc';
import { type Lane, lanes, type Position } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead } from '../../store/change-log.ts';
import { saveReplica } from '../../store/replicas.ts';
import { type EdgeWorld, startEdgeWorld, startReplica } from '../../testing/edge-world.ts';
import { addDevices, addUser, emailsOf, endEveryone } from '../../testing/lane-writes.ts';
import { ScriptedEdge, type ScriptedEdgeOptions } from '../../testing/scripted-edge.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

const nothing = { revoke: null, config: null, directory: null };

/** An edge that believes nothing that is not signed. */
function open(
  client: EdgeSyncClient,
  have: Partial<Record<Lane, Position | null>>,
  options: ScriptedEdgeOptions = {},
): ScriptedEdge {
  const { rootPublicKey } = world.seed;
  return new ScriptedEdge(client, have, { rootPublicKey, ...options });
}

describe('a stream', () => {
  it('begins with the whole state of each lane and goes on with frames', async () => {
    const before = await addUser(world.database, 'before@corp.example');
    const { client } = await world.joinEdge();
    const edge = open(client, nothing);
    await edge.untilHead('directory', before);
    await edge.until(() => edge.lane('config').head !== null && edge.lane('revoke').head !== null);
    expect(edge.lane('directory').resumes).toEqual(['shards']);
    expect(emailsOf(edge.lane('directory').ops)).toContain('before@corp.example');
    // Its own keys are written when it joins, so they may come as a frame.
    const wanted = ['signing_key', 'secret_ref', 'edge_keys'];
    const configOps = () => edge.lane('config').ops.map(({ op }) => String(op));
    await edge.until(() => wanted.every((op) => configOps().includes(op)));
    await edge.untilHead('directory', await addUser(world.database, 'after@corp.example'));
    expect(emailsOf(edge.lane('directory').ops).at(-1)).toBe('after@corp.example');
    expect(edge.problems).toEqual([]);
    edge.close();
  });

  it('goes on from the position that the edge has, with frames alone', async () => {
    const have = await readHead(world.database.db, 'directory');
    await addUser(world.database, 'one@corp.example');
    const two = await addUser(world.database, 'two@corp.example');
    const { client } = await world.joinEdge();
    const edge = open(client, { directory: have });
    await edge.untilHead('directory', two);
    expect(edge.lane('directory').resumes).toEqual(['tail']);
    expect(emailsOf(edge.lane('directory').ops)).toEqual(['one@corp.example', 'two@corp.example']);
    expect(edge.problems).toEqual([]);
    edge.close();
  });

  it('reads frames from the log that are from before this process started', async () => {
    const have = await readHead(world.database.db, 'directory');
    for (let n = 0; n < 70; n += 1) await addUser(world.database, `old${n}@corp.example`);
    const { database, url, seed, sealKey } = world;
    const replica = await startReplica(database, url, seed, sealKey);
    const { client } = await replica.joinEdge();
    const edge = open(client, { directory: have });
    const next = await addUser(world.database, 'new@corp.example');
    await edge.untilHead('directory', next);
    expect(edge.lane('directory').resumes).toEqual(['tail']);
    expect(edge.lane('directory').framesTaken).toBe(71);
    expect(edge.problems).toEqual([]);
    edge.close();
  });

  it('gets the whole state where the log no longer reaches back, or the epoch is another', async () => {
    const head = await readHead(world.database.db, 'directory');
    const { client } = await world.joinEdge();
    const old = open(client, { directory: { epoch: head.epoch - 1, rev: head.rev } });
    await old.untilHead('directory', head);
    expect(old.lane('directory').resumes).toEqual(['shards']);
    old.close();
  });

  it('is told to wait when the edge is ahead, and takes the shards once this replica is there', async () => {
    const head = await readHead(world.database.db, 'directory');
    const { client } = await world.joinEdge();
    const edge = open(client, { directory: { epoch: head.epoch, rev: head.rev + 2 } });
    await edge.until(() => edge.lane('directory').resumes.length > 0);
    expect(edge.lane('directory').resumes).toEqual(['wait']);
    await addUser(world.database, 'a@corp.example');
    await addUser(world.database, 'b@corp.example');
    const last = await addUser(world.database, 'c@corp.example');
    await edge.untilHead('directory', last);
    // It has shown nothing that would make its history ours.
    expect(edge.lane('directory').resumes).toEqual(['wait', 'shards']);
    expect(emailsOf(edge.lane('directory').ops)).toContain('c@corp.example');
    edge.close();
  });

  it('is sent to another replica that is known to have read further', async () => {
    const head = await readHead(world.database.db, 'directory');
    const further = { epoch: head.epoch, rev: head.rev + 100 };
    const { client } = await world.joinEdge();
    const resumes = async (): Promise<string[]> => {
      // As the other replica does itself every second.
      await saveReplica(
        world.database.db,
        'elsewhere',
        new Map([['directory' as const, further]]),
        Date.now(),
      );
      const edge = open(client, { directory: { ...head, rev: head.rev + 50 } });
      await edge.until(() => edge.lane('directory').resumes.length > 0);
      edge.close();
      return edge.lane('directory').resumes;
    };
    await expect.poll(resumes, { timeout: 10_000, interval: 200 }).toEqual(['redirect']);
  });

  it('has every revision once and in order while many write at the same time', async () => {
    const { client } = await world.joinEdge();
    const edge = open(client, nothing);
    const late = open(client, nothing);
    const jobs = Array.from({ length: 4 }, async (_, writer) => {
      for (let n = 0; n < 20; n += 1) {
        await addUser(world.database, `w${writer}-${n}@corp.example`);
        if (n % 10 === 0) await endEveryone(world.database);
      }
    });
    await Promise.all(jobs);
    for (const lane of ['revoke', 'directory'] as const) {
      const head = await readHead(world.database.db, lane);
      await edge.untilHead(lane, head);
      await late.untilHead(lane, head);
    }
    expect([...edge.problems, ...late.problems]).toEqual([]);
    const wanted = Array.from(
      { length: 80 },
      (_, i) => `w${i % 4}-${Math.floor(i / 4)}@corp.example`,
    );
    for (const stream of [edge, late]) {
      const seen = emailsOf(stream.lane('directory').ops).filter((email) => email.startsWith('w'));
      expect(seen.toSorted()).toEqual(wanted.toSorted());
    }
    edge.close();
    late.close();
  });

  it('carries a large directory in shards of at most a mebibyte', async () => {
    await addDevices(world.database, 300, 4_000);
    const { database, url, seed, sealKey } = world;
    const replica = await startReplica(database, url, seed, sealKey);
    const { client } = await replica.joinEdge();
    const edge = open(client, { directory: null });
    await edge.until(() => edge.lane('directory').head !== null);
    const { partsTaken, ops } = edge.lane('directory');
    expect(partsTaken).toBeGreaterThan(2);
    expect(edge.problems).toEqual([]);
    expect(ops.filter(({ op }) => op === 'device')).toHaveLength(300);
    edge.close();
  });

  it('goes around a frame that is too large for a message by the whole state', async () => {
    const { client } = await world.joinEdge();
    const edge = open(client, { directory: null });
    await edge.until(() => edge.lane('directory').head !== null);
    const large = await addDevices(world.database, 1_000, 4_080);
    const next = await addUser(world.database, 'small@corp.example');
    await edge.untilHead('directory', next);
    expect(edge.lane('directory').resumes).toEqual(['shards', 'shards']);
    expect(next.rev).toBe(large.rev + 1);
    expect(edge.problems).toEqual([]);
    edge.close();
  });

  it('is closed when the edge takes nothing for too long, and others go on', async () => {
    const { database, url, seed, sealKey } = world;
    const replica = await startReplica(database, url, seed, sealKey, { stallMs: 1_500 });
    const slow = await replica.joinEdge();
    const quick = await replica.joinEdge();
    const stuck = open(slow.client, { directory: null });
    const other = open(quick.client, { directory: null });
    await stuck.until(() => stuck.lane('directory').head !== null);
    stuck.pause();
    for (let n = 0; n < 30; n += 1) await addDevices(world.database, 10, 4_000);
    const connected = () =>
      replica.publisher.receipts.edgesStatus().find((status) => status.edgeId === slow.edgeId)
        ?.connected;
    await expect.poll(connected, { timeout: 15_000 }).toBe(false);
    await other.untilHead('directory', await addUser(world.database, 'unhindered@corp.example'));
    expect(other.end).toBe(null);
    stuck.resume();
    await stuck.until(() => stuck.end !== null);
    other.close();
  });

  it('carries a heartbeat each second with the heads and the age of the log', async () => {
    const { client } = await world.joinEdge();
    const edge = open(client, nothing);
    await edge.until(() => edge.heartbeats.length >= 2);
    const [heartbeat] = edge.heartbeats;
    expect(heartbeat?.replica).toBe('test');
    expect(heartbeat?.heads).toHaveLength(lanes.length);
    expect(Number(heartbeat?.logAgeMs)).toBeLessThan(60_000);
    edge.close();
  });

  it('F41 is served whatever newer protocol the edge speaks, in ours', async () => {
    const { client } = await world.joinEdge();
    for (const protocol of [2, 4_294_967_295]) {
      const newer = open(client, nothing, { protocol });
      await newer.until(() => newer.lane('revoke').head !== null && newer.heartbeats.length > 0);
      const next = await addUser(world.database, `newer${protocol}@corp.example`);
      await newer.untilHead('directory', next);
      expect(newer.problems).toEqual([]);
      expect(newer.end).toBe(null);
      newer.close();
    }
  });

  it('F41 is refused to an edge of a protocol before the oldest', async () => {
    const { client } = await world.joinEdge();
    const older = open(client, nothing, { protocol: 0 });
    await older.until(() => older.end !== null);
    expect(older.end?.code).toBe(status.INVALID_ARGUMENT);
  });

  it('is refused when it does not begin with one Hello', async () => {
    const { client } = await world.joinEdge();
    const twice = open(client, nothing);
    twice.send({
      case: 'hello',
      value: {
        $typeName: 'sallyport.v1.Hello',
        protocol: 1,
        softwareVersion: '',
        region: '',
        labels: {},
        have: [],
      },
    });
    await twice.until(() => twice.end !== null);
    expect(twice.end?.code).toBe(status.INVALID_ARGUMENT);
  });
});
