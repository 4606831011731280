import { status } from '@sallyport/proto/grpc';
import type { Position } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { execute } from '../testing/database.ts';
import { type EdgeWorld, startEdgeWorld, startReplica } from '../testing/edge-world.ts';
import { addUser, positionOf } from '../testing/lane-writes.ts';
import { ScriptedEdge } from '../testing/scripted-edge.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

const nothing = { revoke: null, config: null, directory: null };

/** Makes the server refuse all connections to the world's database, and closes those there are. */
async function refuseDatabase(refuse: boolean): Promise<void> {
  const other = new URL(world.url);
  const name = other.pathname.slice(1);
  other.pathname = '/postgres';
  await execute(other.href, `alter database ${name} allow_connections ${String(!refuse)}`);
  if (!refuse) return;
  await execute(
    other.href,
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = '${name}'`,
  );
}

describe('a replica', () => {
  it('goes on after all its connections to the database broke', async () => {
    const { client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, nothing);
    await edge.until(() => edge.lane('directory').head !== null);
    await execute(
      world.url,
      `select pg_terminate_backend(pid) from pg_stat_activity
       where application_name = 'sallyport-control-plane' and pid <> pg_backend_pid()
         and datname = current_database()`,
    );
    // The first writes may still meet connections that the server has closed.
    let written: Position | null = null;
    const write = async () => {
      written ??= await addUser(world.database, 'survivor@corp.example').catch(() => null);
      return written;
    };
    await expect.poll(write, { timeout: 10_000 }).not.toBe(null);
    await edge.untilHead('directory', positionOf(written ?? undefined));
    expect(edge.problems).toEqual([]);
    expect(edge.end).toBe(null);
    edge.close();
  });

  it('keeps its streams without a database, says how old its log is, and takes known edges', async () => {
    const { client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, nothing);
    await edge.until(() => edge.lane('directory').head !== null);
    await refuseDatabase(true);
    const ageMs = () => Number(edge.heartbeats.at(-1)?.logAgeMs ?? 0n);
    await edge.until(() => ageMs() > 1_500);
    expect(edge.end).toBe(null);
    const have = { directory: edge.lane('directory').head, revoke: edge.lane('revoke').head };
    const again = new ScriptedEdge(client, have);
    await again.until(() => again.heartbeats.length > 0 || again.end !== null);
    expect(again.lane('directory').resumes).toEqual(['tail']);
    // What an earlier edge needed is still there for another one.
    const empty = new ScriptedEdge(client, { directory: null });
    await empty.until(() => empty.lane('directory').head !== null);
    await refuseDatabase(false);
    await edge.until(() => ageMs() < 1_000);
    const next = await addUser(world.database, 'afterwards@corp.example');
    for (const one of [edge, again, empty]) {
      await one.untilHead('directory', next);
      expect(one.problems).toEqual([]);
      one.close();
    }
  });

  it('that drains ends its streams with a word, so that edges go elsewhere', async () => {
    const { database, url, seed, sealKey } = world;
    const replica = await startReplica(database, url, seed, sealKey);
    const { client } = await replica.joinEdge();
    const edge = new ScriptedEdge(client, nothing);
    const record = client.record();
    const recordEnded = new Promise<number>((resolve) => {
      record.on('error', (error: { code: number }) => resolve(error.code));
    });
    await edge.until(() => edge.lane('directory').head !== null);
    await replica.server.drain(10_000);
    await edge.until(() => edge.end !== null);
    expect(edge.end?.code).toBe(status.UNAVAILABLE);
    expect(await recordEnded).toBe(status.UNAVAILABLE);
  });
});
