import { createHash } from 'node:crypto';
import type { Block, RevokeOp } from '@sallyport/shared/state/model';
import type { LayoutChange } from '@sallyport/shared/state/tables/lane';
import { createLaneTable, type LaneTable } from '@sallyport/shared/state/tables/lane-table';
import { StateReader } from '@sallyport/shared/state/tables/reader';
import { describe, expect, it } from 'vitest';
import { emptyTables, localReader } from '../../testing/local-state.ts';
import { CarriedRows } from './carried-rows.ts';
import { isInRows, RowStore } from './row-store.ts';

const block = (id: string, subjectId: string): Block => {
  return { op: 'block', revocationId: id, kind: 'user', subjectId, expiresAtMs: null };
};
const arrival = { path: 'grpc', arrivedAtMs: 0 } as const;

/** The lane `revoke` of an edge, and what its disk is told. */
function revokeStore() {
  const tables = emptyTables();
  const told: string[] = [];
  const distributor = { changed: () => undefined };
  const carried = new CarriedRows({
    table: tables.carried,
    distributor,
    save: ({ denials }) => {
      const ids = denials.map((one) => (one.op === 'block' ? one.revocationId : one.op));
      told.push(`carried ${ids.join(' ')}`);
      return Promise.resolve();
    },
    kept: () => null,
    inRows: (denial) => isInRows(tables.rows.revoke, denial),
    onBlocks: () => undefined,
  });
  const disk = {
    append: () => undefined,
    replaced: () => {
      told.push('rows');
      return Promise.resolve();
    },
  };
  const store = new RowStore({ table: tables.rows.revoke, distributor, disk, carried });
  return { tables, told, carried, store };
}

function stageAll(store: RowStore, source: LaneTable): void {
  for (let index = 0; index < 256; index += 1) {
    const bytes = source.encodeShard(index);
    const sha256 = createHash('sha256').update(bytes).digest();
    const digest = source.shardDigest(index);
    const expected = { digest, sha256, bytes: bytes.length, rows: source.shardRows(index) };
    expect(store.stage(index, [bytes], expected)).toBeNull();
  }
}

function tableOf(...ops: RevokeOp[]): LaneTable {
  const table = createLaneTable('revoke');
  table.apply(ops);
  return table;
}

describe('rows that take the place of others', () => {
  it('leave turns to others while many are carried, all of them in force at each', async () => {
    const { tables, store } = revokeStore();
    const { carried, rows } = tables;
    const blocks = Array.from({ length: 20_000 }, (_, n) => block(`rev_${n}`, `usr_${n}`));
    rows.revoke.apply(blocks);
    const turns: { readonly carried: number; readonly rows: number }[] = [];
    let swapping = true;
    const look = (): void => {
      turns.push({ carried: carried.rows, rows: rows.revoke.rows });
      if (swapping) setImmediate(look);
    };
    const swapTo = async (epoch: number, source: LaneTable): Promise<void> => {
      stageAll(store, source);
      turns.length = 0;
      swapping = true;
      setImmediate(look);
      await store.swap({ ...arrival, position: { epoch, rev: 0 }, carry: 'blocks' });
      swapping = false;
      for (const turn of turns) {
        expect(Math.max(turn.carried, turn.rows)).toBe(blocks.length);
      }
      // In the middle of it.
      expect(turns.some((turn) => turn.carried > 0 && turn.carried < blocks.length)).toBe(true);
    };
    await swapTo(2, tableOf());
    expect([carried.rows, rows.revoke.rows]).toEqual([blocks.length, 0]);
    await swapTo(3, tableOf(...blocks));
    expect([carried.rows, rows.revoke.rows]).toEqual([0, blocks.length]);
  });

  it('find the blocks that they lack in force already, whenever a reader looks', async () => {
    const { tables, store, carried } = revokeStore();
    tables.rows.revoke.apply([block('rev_1', 'usr_a'), block('rev_2', 'usr_b')]);
    const reader = localReader(tables);
    const layouts: LayoutChange[] = [];
    tables.announceLayout({ postMessage: (change: LayoutChange) => layouts.push(change) });
    // It sees what is carried, and nothing of the lane's own rows.
    const without = { ...tables.shared(), revoke: createLaneTable('revoke').shared() };
    const beside = new StateReader(without, () => layouts.shift() ?? null);
    const seen: boolean[] = [];
    const besideRows: boolean[] = [];
    tables.carried.onLayout(() => seen.push(reader.isBlocked('user', 'usr_a', 0)));
    tables.rows.revoke.onLayout(() => {
      // Told ahead of the change itself: from here on the old rows may be gone.
      seen.push(reader.isBlocked('user', 'usr_a', 0));
      besideRows.push(beside.isBlocked('user', 'usr_a', 0));
    });
    stageAll(store, tableOf(block('rev_2', 'usr_b')));
    await store.swap({ ...arrival, position: { epoch: 2, rev: 0 }, carry: 'blocks' });
    expect(seen.length).toBeGreaterThan(256);
    expect(new Set(seen)).toEqual(new Set([true]));
    expect(besideRows).toHaveLength(256);
    expect(new Set(besideRows)).toEqual(new Set([true]));
    expect(reader.isBlocked('user', 'usr_a', 0)).toBe(true);
    expect(carried.blocks()).toEqual([block('rev_1', 'usr_a')]);
  });

  it('carry nothing of a shard that did not come, for it stays', async () => {
    const { tables, store, carried } = revokeStore();
    tables.rows.revoke.apply([block('rev_1', 'usr_a')]);
    await store.swap({ ...arrival, position: { epoch: 2, rev: 0 }, carry: 'blocks' });
    expect(carried.empty).toBe(true);
    expect(tables.rows.revoke.rows).toBe(1);
  });

  it('take over what was carried behind their own way to the disk, and what they lack ahead', async () => {
    const { tables, told, store, carried } = revokeStore();
    tables.rows.revoke.apply([block('rev_1', 'usr_a'), block('rev_2', 'usr_b')]);
    stageAll(store, tableOf(block('rev_2', 'usr_b')));
    await store.swap({ ...arrival, position: { epoch: 2, rev: 0 }, carry: 'blocks' });
    expect(told).toEqual(['carried rev_1', 'rows']);
    stageAll(store, tableOf(block('rev_1', 'usr_a')));
    await store.swap({ ...arrival, position: { epoch: 3, rev: 0 }, carry: 'blocks' });
    expect(told.slice(2)).toEqual(['carried rev_1 rev_2', 'rows', 'carried rev_2']);
    expect(carried.blocks()).toEqual([block('rev_2', 'usr_b')]);
  });

  it('leave in force what was ended and they lack, or have lower, where the epoch stays', async () => {
    const { tables, told, store, carried } = revokeStore();
    const generation = (value: number) =>
      ({ op: 'generation', scope: 'user', subjectId: 'usr_a', value }) as const;
    const ended = (sid: string) => ({ op: 'ended_session', sid, expiresAtMs: 1e12 }) as const;
    tables.rows.revoke.apply([generation(4), ended('ses_a'), ended('ses_b')]);
    const reader = localReader(tables);
    const denied = () => [reader.isSessionEnded('ses_a'), reader.generations('usr_a', null).user];
    stageAll(store, tableOf(generation(3), ended('ses_b')));
    await store.swap({ ...arrival, position: { epoch: 1, rev: 9 }, carry: 'denials' });
    expect(denied()).toEqual([true, 4]);
    expect(told[0]).toMatch(/^carried (generation ended_session|ended_session generation)$/);
    expect(carried.blocks()).toEqual([]);
    stageAll(store, tableOf(generation(3), ended('ses_b')));
    await store.swap({ ...arrival, position: { epoch: 1, rev: 10 }, carry: 'nothing' });
    expect(denied()).toEqual([true, 4]);
    await store.swap({ ...arrival, position: { epoch: 2, rev: 1 }, carry: 'blocks' });
    expect(denied()).toEqual([false, 3]);
    expect(carried.empty).toBe(true);
  });

  it('leave the main thread to others while what they lack is looked for, and see all of it', async () => {
    const { tables, store } = revokeStore();
    const ended = Array.from({ length: 60_000 }, (_, index) => {
      return { op: 'ended_session', sid: `session ${index}`, expiresAtMs: 1e12 } as const;
    });
    for (let at = 0; at < ended.length; at += 20_000) {
      tables.rows.revoke.apply(ended.slice(at, at + 20_000));
    }
    stageAll(store, tableOf());
    let turns = 0;
    let waits = true;
    const count = () => {
      turns += 1;
      if (waits) setImmediate(count);
    };
    setImmediate(count);
    await store.swap({ ...arrival, position: { epoch: 1, rev: 9 }, carry: 'denials' });
    waits = false;
    expect(turns).toBeGreaterThan(1);
    expect([tables.rows.revoke.rows, tables.carried.rows]).toEqual([0, ended.length]);
  });

  it('have no more sessions carried than a file may hold: those that end last, and every block', async () => {
    const { tables, store, carried } = revokeStore();
    const count = 262_144 + 10;
    const ended = Array.from({ length: count }, (_, index) => {
      return { op: 'ended_session', sid: `session ${index}`, expiresAtMs: 1e12 + index } as const;
    });
    for (let at = 0; at < count; at += 20_000) {
      tables.rows.revoke.apply(ended.slice(at, at + 20_000));
    }
    tables.rows.revoke.apply([block('rev_1', 'usr_a')]);
    stageAll(store, tableOf());
    const taken = await store.swap({
      ...arrival,
      position: { epoch: 1, rev: 9 },
      carry: 'denials',
    });
    expect(taken).toMatchObject({ kind: 'taken', uncarried: 10 });
    expect(tables.carried.rows).toBe(262_144 + 1);
    const reader = localReader(tables);
    expect(reader.isSessionEnded('session 9')).toBe(false);
    expect(reader.isSessionEnded('session 10')).toBe(true);
    expect(carried.blocks()).toEqual([block('rev_1', 'usr_a')]);
  });
});
