import type { Position } from '@sallyport/shared/state/model';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { sql } from 'drizzle-orm';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead } from '../store/change-log.ts';
import { type Database, transaction } from '../store/database.ts';
import { raiseEpoch } from '../store/epoch.ts';
import { testDatabase, testLog } from '../testing/database.ts';
import { type EdgeWorld, startEdgeWorld, testActor } from '../testing/edge-world.ts';
import { addUser, emailsOf } from '../testing/lane-writes.ts';
import { ScriptedEdge, type ScriptedEdgeOptions } from '../testing/scripted-edge.ts';
import { raiseForLostHistory } from './lost-history.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

/** As a restore from a backup would: the newest revisions and their rows are gone, all at once. */
async function lose(database: Database, count: number): Promise<Position> {
  return transaction(database.ordinary, async (tx) => {
    const { epoch, rev } = await readHead(tx, 'directory');
    const back = rev - count;
    await tx.execute(sql`delete from change_log where lane = 'directory' and rev > ${back}`);
    await tx.execute(sql`update lane_heads set rev = ${back} where lane = 'directory'`);
    await tx.execute(sql`delete from users where email like 'lost%'`);
    return { epoch, rev: back };
  });
}

const enforcedBy = (edgeId: string): Position | null =>
  world.publisher.receipts.edgeStatus(edgeId)?.lanes.directory?.enforced ?? null;

describe('an edge that has what the database lost', () => {
  const options = (more: ScriptedEdgeOptions = {}): ScriptedEdgeOptions => ({
    rootPublicKey: world.seed.rootPublicKey,
    ...more,
  });

  it('shows it by a signed frame: the epoch rises, and it takes the shards that differ', async () => {
    for (let n = 0; n < 40; n += 1) await addUser(world.database, `kept${n}@corp.example`);
    const { edgeId, client } = await world.joinEdge();
    const first = new ScriptedEdge(client, { directory: null }, options());
    await first.until(() => first.lane('directory').head !== null);
    await addUser(world.database, 'lost1@corp.example');
    const lost = await addUser(world.database, 'lost2@corp.example');
    await first.untilHead('directory', lost);
    first.close();
    await expect.poll(() => world.publisher.openStreams(), { timeout: 5_000 }).toBe(0);
    const back = await lose(world.database, 2);
    await expect
      .poll(() => world.publisher.receipts.heads().get('directory')?.rev, { timeout: 5_000 })
      .toBe(back.rev);

    // Or it would ask for none that is again as it once came.
    first.lane('directory').kept.clear();
    const again = new ScriptedEdge(client, { directory: lost }, options({ from: first }));
    await again.until(() => (again.lane('directory').head?.epoch ?? 0) > lost.epoch);
    expect(again.lane('directory').resumes).toEqual(['wait', 'shards']);
    // Only the shards of the two users that nobody has any more.
    const fetched = again.lane('directory').fetched.flat();
    expect(fetched.length).toBeGreaterThan(0);
    expect(fetched.length).toBeLessThanOrEqual(2);
    const emails = emailsOf(again.lane('directory').ops);
    expect(emails).not.toContain('lost1@corp.example');
    expect(emails).toContain('kept39@corp.example');
    expect(again.problems).toEqual([]);
    const { epoch } = await readHead(world.database.db, 'directory');
    expect(epoch).toBeGreaterThan(lost.epoch);
    // What it said of the lost history counts for nothing in the new one.
    await expect.poll(() => enforcedBy(edgeId)?.epoch, { timeout: 5_000 }).toBe(epoch);
    const next = await addUser(world.database, 'next@corp.example');
    await again.untilHead('directory', next);
    expect(again.problems).toEqual([]);
    again.close();
  });

  it('raises nothing by a frame that nobody signed, and is asked to wait', async () => {
    const { client, edgeId } = await world.joinEdge();
    const first = new ScriptedEdge(client, { directory: null }, options());
    const known = await addUser(world.database, 'known@corp.example');
    await first.untilHead('directory', known);
    await addUser(world.database, 'after@corp.example');
    const lane = first.lane('directory');
    await first.until(() => lane.proof !== null);
    const beyond = { epoch: known.epoch, rev: known.rev + 50 };
    if (lane.proof === null) throw new Error('there is no proof');
    lane.proof = { ...lane.proof, prevRev: beyond.rev - 1, rev: beyond.rev };
    first.close();
    const liar = new ScriptedEdge(client, { directory: beyond }, options({ from: first }));
    await liar.until(() => liar.lane('directory').resumes.length > 0);
    expect(liar.lane('directory').resumes).toEqual(['wait']);
    liar.ack('directory', beyond);
    await liar.until(() => liar.heartbeats.length > 0);
    expect((await readHead(world.database.db, 'directory')).epoch).toBe(known.epoch);
    expect(enforcedBy(edgeId)).not.toEqual(beyond);
    liar.close();
  });
});

describe('a proof of lost history', () => {
  const nowMs = Date.now();
  const dayMs = 86_400_000;

  /** As a replica does that has verified the proof and asked the database. */
  async function show(
    database: Database,
    epoch: number,
    atMs: number,
  ): Promise<{ readonly raised: boolean; readonly epoch: number }> {
    const proof: FrameProof = {
      epoch,
      prevRev: 8,
      rev: 9,
      bodySha256: new Uint8Array(32),
      keyId: 'key',
      signature: new Uint8Array(64),
    };
    const databaseHead = await readHead(database.db, 'directory');
    const found = { lane: 'directory', proof, databaseHead, nowMs: atMs, log: testLog } as const;
    const raised = await raiseForLostHistory(database, found);
    return { raised, epoch: (await readHead(database.db, 'directory')).epoch };
  }

  it('of an epoch that cannot be ours raises nothing, so that there is always a next one', async () => {
    const { database } = await testDatabase();
    const { epoch } = await readHead(database.db, 'directory');
    for (const far of [nowMs + dayMs + 1, Number.MAX_SAFE_INTEGER, 2 ** 60, Number.NaN]) {
      expect(await show(database, far, nowMs)).toEqual({ raised: false, epoch });
    }
    const near = await show(database, nowMs + dayMs, nowMs);
    expect(near.raised).toBe(true);
    expect(near.epoch).toBeGreaterThan(nowMs + dayMs);
    const order = { reason: 'test', actor: testActor, nowMs };
    await expect(raiseEpoch(database, { ...order, above: 2 ** 53 - 1 })).rejects.toThrow(
      RangeError,
    );
    const far = { ...order, nowMs: Number.MAX_SAFE_INTEGER };
    await raiseEpoch(database, far);
    await expect(raiseEpoch(database, far)).rejects.toThrow(RangeError);
  });

  it('raises the epoch once an hour, and again after a person has raised it', async () => {
    const { database } = await testDatabase();
    const first = await show(database, nowMs, nowMs);
    expect(first.raised).toBe(true);
    const again = await show(database, first.epoch, nowMs + 3_599_999);
    expect(again).toEqual({ raised: false, epoch: first.epoch });
    await raiseEpoch(database, { reason: 'restored', actor: testActor, nowMs: nowMs + 1_000 });
    const { epoch } = await readHead(database.db, 'directory');
    const third = await show(database, epoch, nowMs + 2_000);
    expect(third.raised).toBe(true);
    expect((await show(database, third.epoch, nowMs + 3_602_000)).raised).toBe(true);
  });
});
