import { fromBinary } from '@bufbuild/protobuf';
import { opsToBytes, SyncResponseSchema } from '@sallyport/proto';
import { busSubjects } from '@sallyport/shared/bus/bus';
import type { Position } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead } from '../store/change-log.ts';
import { insertUser, userOps } from '../store/users.ts';
import { write } from '../store/write.ts';
import { type EdgeWorld, startEdgeWorld, startReplica, testActor } from '../testing/edge-world.ts';
import { emailsOf, endEveryone } from '../testing/lane-writes.ts';
import { MemoryBus } from '../testing/memory-bus.ts';
import { ScriptedEdge } from '../testing/scripted-edge.ts';

let world: EdgeWorld;
const bus = new MemoryBus();

beforeAll(async () => {
  world = await startEdgeWorld({ bus });
});

const signed = () => ({ rootPublicKey: world.seed.rootPublicKey });

/** A revision that nobody is told of: no NOTIFY, no commit of this process. */
async function writeSilently(): Promise<Position> {
  const { epoch, rev } = await readHead(world.database.db, 'revoke');
  const body = opsToBytes([{ op: 'ended_session', sid: `s-${rev}`, expiresAtMs: 4e12 }]);
  await world.database.ordinary.query(
    `with head as (update lane_heads set rev = rev + 1 where lane = 'revoke'),
       row as (insert into ended_sessions (sid, expires_at_ms) values ($4, 4e12::bigint))
     insert into change_log (lane, epoch, rev, prev_rev, body, written_at_ms)
     values ('revoke', $1, $2 + 1, $2, $3, 0)`,
    [epoch, rev, Buffer.from(body), `s-${rev}`],
  );
  return { epoch, rev: rev + 1 };
}

describe('a revision that no NOTIFY tells of', () => {
  it('comes by the poll (F5)', async () => {
    const { client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null }, signed());
    await edge.until(() => edge.lane('revoke').head !== null);
    const startedAtMs = performance.now();
    await edge.untilHead('revoke', await writeSilently());
    const tookMs = Math.round(performance.now() - startedAtMs);
    process.stdout.write(`F5: recovered in ${tookMs} ms\n`);
    expect(edge.problems).toEqual([]);
    edge.close();
  });
});

describe('revisions of many writers at the same time', () => {
  it('reach every edge, in the order of their commits, however long each one sleeps (F6)', async () => {
    const { client } = await world.joinEdge();
    const other = await startReplica(world.database, world.url, world.seed, world.sealKey);
    const { client: there } = await other.joinEdge();
    const edges = [client, there].map(
      (one) => new ScriptedEdge(one, { directory: null }, signed()),
    );
    for (const edge of edges) await edge.until(() => edge.lane('directory').head !== null);
    const emails = Array.from({ length: 120 }, (_, n) => `sleeper${n}@corp.example`);
    let next = 0;
    const writer = async (): Promise<void> => {
      for (let n = next++; n < emails.length; n = next++) {
        const email = emails[n] ?? '';
        await write(world.database, testActor, { verb: 'test', resource: 'test' }, async (tx) => {
          const user = { email, displayName: email, status: 'active' } as const;
          const { id } = await insertUser(tx.db, user, tx.nowMs);
          await tx.db.execute(`select pg_sleep(${((n * 7_919) % 23) / 1_000})`);
          tx.emit('directory', ...(await userOps(tx.db, [id])));
        });
      }
    };
    await Promise.all(Array.from({ length: 6 }, writer));
    const head = await readHead(world.database.db, 'directory');
    for (const edge of edges) {
      await edge.untilHead('directory', head);
      const seen = emailsOf(edge.lane('directory').ops).filter((email) => email.startsWith('sl'));
      expect(seen.toSorted()).toEqual(emails.toSorted());
      expect(edge.problems).toEqual([]);
      edge.close();
    }
    await other.stop();
  });
});

describe('the bus', () => {
  it('carries the bytes of gRPC for what this process committed, and heartbeats', async () => {
    const before = bus.published.length;
    const position = await endEveryone(world.database);
    const frames = () =>
      bus.published
        .slice(before)
        .filter(({ subject }) => subject === busSubjects.revoke)
        .map(({ payload }) => fromBinary(SyncResponseSchema, payload).message);
    await expect.poll(() => frames().length, { timeout: 5_000 }).toBe(1);
    const [message] = frames();
    expect(message?.case === 'frame' && Number(message.value.rev)).toBe(position.rev);
    const heartbeats = () =>
      bus.published.filter(({ subject }) => subject === busSubjects.heartbeat).length;
    await expect.poll(heartbeats, { timeout: 5_000 }).toBeGreaterThan(1);
    expect(bus.published.some(({ subject }) => subject.endsWith('directory'))).toBe(false);
  });

  it('carries, once, what this process read before it heard that it had committed it', async () => {
    const before = bus.published.length;
    const frames = () =>
      bus.published.slice(before).filter(({ subject }) => subject === busSubjects.revoke);
    const revoke = await writeSilently();
    const read = () => world.publisher.receipts.heads().get('revoke')?.rev;
    await expect.poll(read, { timeout: 5_000 }).toBe(revoke.rev);
    expect(frames()).toEqual([]);
    world.database.committed({ revoke });
    expect(frames()).toHaveLength(1);
  });

  it('is hostile in vain, and its loss changes nothing', async () => {
    const { client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null }, signed());
    await edge.until(() => edge.lane('revoke').head !== null);
    for (const subject of Object.values(busSubjects)) {
      for (let n = 0; n < 200; n += 1) bus.publish(subject, Buffer.alloc(n, 0xff));
    }
    await edge.untilHead('revoke', await endEveryone(world.database));
    bus.cut();
    await edge.untilHead('revoke', await endEveryone(world.database));
    expect(edge.problems).toEqual([]);
    edge.close();
  });
});
