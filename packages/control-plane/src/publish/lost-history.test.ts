import type { Position } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead } from '../store/change-log.ts';
import type { Database } from '../store/database.ts';
import { type EdgeWorld, startEdgeWorld } from '../testing/edge-world.ts';
import { addUser, emailsOf } from '../testing/lane-writes.ts';
import { ScriptedEdge, type ScriptedEdgeOptions } from '../testing/scripted-edge.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

/** As a restore from a backup would: the newest revisions and their rows are gone. */
async function lose(database: Database, count: number): Promise<Position> {
  const { epoch, rev } = await readHead(database.db, 'directory');
  const back = rev - count;
  await database.ordinary.query(`delete from change_log where lane = 'directory' and rev > $1`, [
    back,
  ]);
  await database.ordinary.query(`update lane_heads set rev = $1 where lane = 'directory'`, [back]);
  await database.ordinary.query(`delete from users where email like 'lost%'`);
  return { epoch, rev: back };
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
