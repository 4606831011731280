import { AckStage } from '@sallyport/proto';
import type { Lane } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { transaction } from '../store/database.ts';
import { execute } from '../testing/database.ts';
import { type EdgeWorld, startEdgeWorld, startReplica } from '../testing/edge-world.ts';
import { blockEdge, endEveryone, positionOf } from '../testing/lane-writes.ts';
import { ScriptedEdge } from '../testing/scripted-edge.ts';

let world: EdgeWorld;

beforeAll(async () => {
  world = await startEdgeWorld();
});

describe('receipts', () => {
  it('name each edge that enforced a revision and those that cannot be reached', async () => {
    const here = await startEdgeWorld();
    const [a, b, gone] = [
      await here.joinEdge('a'),
      await here.joinEdge('b'),
      await here.joinEdge('c'),
    ];
    const streams = [a, b].map(({ client }) => new ScriptedEdge(client, { revoke: null }));
    for (const stream of streams) await stream.until(() => stream.lane('revoke').head !== null);
    const tookMs: unknown = expect.any(Number);
    const position = await endEveryone(here.database);
    const receipts = await here.publisher.receipts.waitEnforced('revoke', position, 5_000);
    expect(receipts.toSorted((x, y) => x.region.localeCompare(y.region))).toEqual([
      {
        edgeId: a.edgeId,
        region: 'a',
        status: 'enforced',
        tookMs,
        path: 'grpc',
      },
      {
        edgeId: b.edgeId,
        region: 'b',
        status: 'enforced',
        tookMs,
        path: 'grpc',
      },
      { edgeId: gone.edgeId, region: 'c', status: 'unreachable', tookMs: null, path: null },
    ]);
    for (const stream of streams) stream.close();
    await here.stop();
  });

  it('call an edge unreachable that has a stream and does not acknowledge in time', async () => {
    const here = await startEdgeWorld();
    const { edgeId, client } = await here.joinEdge();
    const mute = new ScriptedEdge(client, { revoke: null }, { acknowledge: false });
    await mute.until(() => mute.lane('revoke').head !== null);
    const position = await endEveryone(here.database);
    const waiting = here.publisher.receipts.waitEnforced('revoke', position, 300);
    expect(await waiting).toMatchObject([{ edgeId, status: 'unreachable' }]);
    await mute.untilHead('revoke', position);
    const later = here.publisher.receipts.waitEnforced('revoke', position, 10_000);
    mute.ack('revoke', position);
    expect(await later).toMatchObject([{ edgeId, status: 'enforced' }]);
    mute.close();
    await here.stop();
  });

  it('count an edge whose streams are at another replica, by what that one wrote down', async () => {
    const here = await startEdgeWorld();
    const there = await startReplica(here.database, here.url, here.seed, here.sealKey);
    const { edgeId, client } = await there.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null });
    await edge.until(() => edge.lane('revoke').head !== null);
    const known = async () => {
      await here.publisher.registry.refresh();
      return here.publisher.registry.known().get(edgeId)?.lastSeenAtMs ?? null;
    };
    await expect.poll(known, { timeout: 10_000 }).not.toBe(null);
    const position = await endEveryone(here.database);
    const receipts = await here.publisher.receipts.waitEnforced('revoke', position, 5_000);
    expect(receipts).toMatchObject([{ edgeId, status: 'enforced', path: 'grpc' }]);
    edge.close();
    await there.stop();
    await here.stop();
  });

  it('give each edge of another replica its own time, and not that of the slowest', async () => {
    const here = await startEdgeWorld();
    const { database, url, seed, sealKey } = here;
    const there = await startReplica(database, url, seed, sealKey, { replica: 'there' });
    const [quick, slow] = [await there.joinEdge('quick'), await there.joinEdge('slow')];
    const edge = new ScriptedEdge(quick.client, { revoke: null });
    const mute = new ScriptedEdge(slow.client, { revoke: null }, { acknowledge: false });
    for (const one of [edge, mute]) await one.until(() => one.lane('revoke').head !== null);
    const known = (edgeId: string) => here.publisher.registry.find(edgeId);
    const lately = async () => {
      await here.publisher.registry.refresh();
      return [quick, slow].every(({ edgeId }) => known(edgeId)?.lastSeenAtMs);
    };
    await expect.poll(lately, { timeout: 10_000 }).toBe(true);
    const startedAtMs = performance.now();
    const position = await endEveryone(database);
    const committedAtMs = performance.now();
    const waiting = here.publisher.receipts.waitEnforced('revoke', position, 20_000);
    const enforced = () => known(quick.edgeId)?.positions?.revoke?.enforced?.rev;
    await expect.poll(enforced, { timeout: 10_000 }).toBe(position.rev);
    const quickAtMs = performance.now();
    mute.ack('revoke', position);
    const receipts = new Map((await waiting).map((one) => [one.region, one.tookMs ?? -1]));
    const endedAtMs = performance.now();
    expect(receipts.get('quick')).toBeGreaterThan(0);
    expect(receipts.get('quick')).toBeLessThan(quickAtMs - startedAtMs);
    expect(receipts.get('slow')).toBeGreaterThan(quickAtMs - committedAtMs);
    expect(receipts.get('slow')).toBeLessThan(endedAtMs - startedAtMs);
    for (const one of [edge, mute]) one.close();
    await there.stop();
    await here.stop();
  });

  it('name no time of an edge that was faster than this replica heard of the commit', async () => {
    const here = await startEdgeWorld();
    const { database, url, seed, sealKey } = here;
    const there = await startReplica(database, url, seed, sealKey, { replica: 'there' });
    const { edgeId, client } = await there.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null }, { acknowledge: false });
    await edge.until(() => edge.lane('revoke').head !== null);
    const { epoch, rev } = await endEveryone(database);
    await edge.untilHead('revoke', { epoch, rev });
    // By the bus the edge has what the replica of its stream has not read yet.
    edge.ack('revoke', { epoch, rev: rev + 1 }, AckStage.ENFORCED, 'nats');
    edge.ack('revoke', { epoch, rev });
    const enforced = () => there.publisher.receipts.edgeStatus(edgeId)?.lanes.revoke?.enforced?.rev;
    await expect.poll(enforced, { timeout: 10_000 }).toBe(rev);
    // Committed in another process, as this replica sees it.
    await execute(
      url,
      `with head as (update lane_heads set rev = rev + 1 where lane = 'revoke' returning epoch, rev)
       insert into change_log (lane, epoch, prev_rev, rev, body, written_at_ms)
       select 'revoke', head.epoch, head.rev - 1, head.rev, ''::bytea, 0 from head`,
    );
    const next = { epoch, rev: rev + 1 };
    await expect.poll(enforced, { timeout: 10_000 }).toBe(next.rev);
    expect(await there.publisher.receipts.waitEnforced('revoke', next, 5_000)).toEqual([
      { edgeId, region: 'north', status: 'enforced', tookMs: null, path: 'nats' },
    ]);
    edge.close();
    await there.stop();
    await here.stop();
  });

  it('name the edge that a revocation blocks: by its last word, or as unreachable', async () => {
    const here = await startEdgeWorld();
    const { registry, receipts } = here.publisher;
    const [honest, mute] = [await here.joinEdge('honest'), await here.joinEdge('mute')];
    const edges = [
      new ScriptedEdge(honest.client, { revoke: null, directory: null }),
      new ScriptedEdge(mute.client, { revoke: null }, { acknowledge: false }),
    ];
    for (const edge of edges) await edge.until(() => edge.lane('revoke').head !== null);
    const block = async ({ edgeId }: { readonly edgeId: string }) => {
      const position = await blockEdge(here.database, edgeId);
      // The list without it is there before anybody waits.
      await registry.refresh();
      expect(registry.known().has(edgeId)).toBe(false);
      const all = await receipts.waitEnforced('revoke', position, 20_000, [edgeId]);
      return all.find((receipt) => receipt.edgeId === edgeId);
    };
    expect(await block(mute)).toMatchObject({ region: 'mute', status: 'unreachable' });
    expect(await block(honest)).toMatchObject({ region: 'honest', status: 'enforced' });
    await edges[0]?.until(() => edges[0]?.end !== null);
    // Nobody waits for it afterwards.
    const after = await endEveryone(here.database);
    expect(await receipts.waitEnforced('revoke', after, 5_000)).toEqual([]);
    await here.stop();
  });

  it('come in their time also while the list of edges cannot be read', async () => {
    const here = await startEdgeWorld();
    const { edgeId } = await here.joinEdge();
    const { registry, receipts } = here.publisher;
    await registry.refresh();
    const position = await endEveryone(here.database);
    const held = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holding = transaction(here.database.bulk, async (db) => {
      await db.execute('lock table edges in access exclusive mode');
      locked.resolve();
      await held.promise;
    });
    await locked.promise;
    const order: string[] = [];
    const listed = registry.refresh().then(() => order.push('list'));
    const answer = await receipts.waitEnforced('revoke', position, 300);
    order.push('receipts');
    held.resolve();
    await Promise.all([listed, holding]);
    expect(order).toEqual(['receipts', 'list']);
    expect(answer).toMatchObject([{ edgeId, status: 'unreachable' }]);
    await here.stop();
  });
});

describe('an edge beyond the head, as after a restored database', () => {
  it('does not enforce revisions of ours, whoever it told and whatever the head becomes', async () => {
    const here = await startEdgeWorld();
    const { edgeId, client } = await here.joinEdge();
    const { epoch, rev } = await endEveryone(here.database);
    const beyond = { epoch, rev: rev + 3 };
    const edge = new ScriptedEdge(client, { revoke: beyond }, { acknowledge: false });
    await edge.until(() => edge.lane('revoke').resumes.length > 0);
    edge.ack('revoke', beyond);
    const wait = (position: typeof beyond) =>
      here.publisher.receipts.waitEnforced('revoke', position, 300);
    const first = await endEveryone(here.database);
    expect(await wait(first)).toMatchObject([{ edgeId, status: 'unreachable', path: null }]);
    await here.database.ordinary.query(
      'update edges set positions = $2, last_seen_at_ms = $3 where id = $1',
      [edgeId, { revoke: { applied: beyond, enforced: beyond, nack: null } }, Date.now()],
    );
    const second = await endEveryone(here.database);
    expect(await wait(second)).toMatchObject([{ edgeId, status: 'unreachable' }]);
    // The head comes to where the edge said it was; what other replicas saw is not so any more.
    await here.database.ordinary.query('update edges set positions = $2 where id = $1', [
      edgeId,
      {},
    ]);
    const third = await endEveryone(here.database);
    expect(third).toEqual(beyond);
    expect(await wait(third)).toMatchObject([{ edgeId, status: 'unreachable' }]);
    edge.close();
    await here.stop();
  });

  it('counts once this replica has read so far, when its lane was resumed here', async () => {
    const here = await startEdgeWorld();
    const { edgeId, client } = await here.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null }, { acknowledge: false });
    await edge.until(() => edge.lane('revoke').head !== null);
    const { epoch, rev } = await endEveryone(here.database);
    await edge.untilHead('revoke', { epoch, rev });
    // The next revision came to the edge by the bus, before this replica has it.
    edge.ack('revoke', { epoch, rev: rev + 1 }, AckStage.ENFORCED, 'nats');
    // One more after it: when that counts, the one before has been read, and did not.
    edge.ack('revoke', { epoch, rev });
    const enforced = () => here.publisher.receipts.edgeStatus(edgeId)?.lanes.revoke?.enforced;
    await expect.poll(enforced, { timeout: 10_000 }).not.toBe(null);
    expect(enforced()).toEqual({ epoch, rev });
    const next = await endEveryone(here.database);
    expect(await here.publisher.receipts.waitEnforced('revoke', next, 5_000)).toMatchObject([
      { edgeId, status: 'enforced', path: 'nats' },
    ]);
    edge.close();
    await here.stop();
  });

  it('is forgotten to have been there when the head goes back', async () => {
    const here = await startEdgeWorld();
    const { edgeId, client } = await here.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null });
    await edge.until(() => edge.lane('revoke').head !== null);
    for (let n = 0; n < 3; n += 1) await endEveryone(here.database);
    const last = await endEveryone(here.database);
    expect(await here.publisher.receipts.waitEnforced('revoke', last, 5_000)).toMatchObject([
      { edgeId, status: 'enforced' },
    ]);
    edge.close();
    const back = last.rev - 3;
    await here.database.ordinary.query(
      `delete from change_log where lane = 'revoke' and rev > $1`,
      [back],
    );
    await here.database.ordinary.query(`update lane_heads set rev = $1 where lane = 'revoke'`, [
      back,
    ]);
    const enforced = () =>
      here.publisher.receipts.edgesStatus().find((status) => status.edgeId === edgeId)?.lanes.revoke
        ?.enforced;
    await expect.poll(enforced, { timeout: 10_000 }).toBe(null);
    await here.stop();
  });
});

describe('the status of an edge', () => {
  it('shows what it applied, enforced and refused, and is kept in the database', async () => {
    const { edgeId, client } = await world.joinEdge();
    const edge = new ScriptedEdge(client, { revoke: null, config: null }, { acknowledge: false });
    await edge.until(() => edge.lane('config').head !== null && edge.lane('revoke').head !== null);
    const revoke = positionOf(edge.lane('revoke').head ?? undefined);
    const config = positionOf(edge.lane('config').head ?? undefined);
    edge.ack('revoke', revoke);
    edge.nack({
      lane: 'config',
      position: config,
      code: 'COMPILE',
      detail: 'version 3 does not compile',
    });
    const ours = () =>
      world.publisher.receipts.edgesStatus().find((status) => status.edgeId === edgeId);
    await edge.until(
      () => ours()?.lanes.config?.nack !== null && ours()?.lanes.revoke?.enforced !== null,
    );
    expect(ours()).toMatchObject({
      connected: true,
      softwareVersion: 'test-1',
      lanes: {
        revoke: { applied: revoke, enforced: revoke, nack: null },
        config: { applied: null, nack: { code: 'COMPILE', detail: 'version 3 does not compile' } },
      },
    });
    const saved = async () => {
      const { rows } = await world.database.ordinary.query<{ positions: unknown }>(
        'select positions from edges where id = $1 and last_seen_at_ms is not null',
        [edgeId],
      );
      return rows[0]?.positions as Partial<Record<Lane, unknown>> | undefined;
    };
    await expect.poll(saved, { timeout: 10_000 }).toMatchObject({ revoke: { enforced: revoke } });
    edge.close();
    await expect.poll(() => ours()?.connected, { timeout: 10_000 }).toBe(false);
  });

  it('is put together from the replicas that carry its lanes, and none writes over the other', async () => {
    const { database, url, seed, sealKey } = world;
    const there = await startReplica(database, url, seed, sealKey, { replica: 'there' });
    const { edgeId, client, identity } = await world.joinEdge();
    const here = new ScriptedEdge(client, { directory: null });
    const urgent = new ScriptedEdge(there.client(identity), { revoke: null });
    await here.until(() => here.lane('directory').head !== null);
    await urgent.until(() => urgent.lane('revoke').head !== null);
    const position = await endEveryone(database);
    const saved = async () => {
      await world.publisher.registry.refresh();
      return world.publisher.registry.known().get(edgeId) ?? null;
    };
    await expect
      .poll(async () => (await saved())?.positions?.revoke?.enforced, {
        timeout: 10_000,
      })
      .toEqual(position);
    expect(await world.publisher.receipts.waitEnforced('revoke', position, 5_000)).toContainEqual(
      expect.objectContaining({ edgeId, status: 'enforced', path: 'grpc' }),
    );
    // Both have written several times by then.
    await here.until(() => here.heartbeats.length >= 4);
    const row = await saved();
    expect(row?.positions).toMatchObject({
      revoke: { enforced: position },
      directory: { enforced: here.lane('directory').head },
    });
    expect(row?.report?.connectedSinceMs).toEqual(expect.any(Number));
    expect(row?.report?.lanes).toMatchObject({
      revoke: { path: 'grpc' },
      directory: { path: 'grpc' },
    });
    here.close();
    urgent.close();
    await there.stop();
  });
});
