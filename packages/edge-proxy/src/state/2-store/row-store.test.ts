import { createHash } from 'node:crypto';
import type { Block, RevokeOp } from '@sallyport/shared/state/model';
import type { LayoutChange } from '@sallyport/shared/state/tables/lane';
import { createLaneTable, type LaneTable } from '@sallyport/shared/state/tables/lane-table';
import { StateReader } from '@sallyport/shared/state/tables/reader';
import { describe, expect, it } from 'vitest';
import { emptyTables, localReader } from '../../testing/local-state.ts';
import { CarriedRows } from './carried-rows.ts';
import { RowStore } from './row-store.ts';

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
  it('find the blocks that they lack in force already, whenever a reader looks', () => {
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
    store.swap({ ...arrival, position: { epoch: 2, rev: 0 }, carry: 'blocks' });
    expect(seen.length).toBeGreaterThan(256);
    expect(new Set(seen)).toEqual(new Set([true]));
    expect(besideRows).toHaveLength(256);
    expect(new Set(besideRows)).toEqual(new Set([true]));
    expect(reader.isBlocked('user', 'usr_a', 0)).toBe(true);
    expect(carried.blocks()).toEqual([block('rev_1', 'usr_a')]);
  });

  it('carry nothing of a shard that did not come, for it stays', () => {
    const { tables, store, carried } = revokeStore();
    tables.rows.revoke.apply([block('rev_1', 'usr_a')]);
    store.swap({ ...arrival, position: { epoch: 2, rev: 0 }, carry: 'blocks' });
    expect(carried.empty).toBe(true);
    expect(tables.rows.revoke.rows).toBe(1);
  });

  it('take over what was carried behind their own way to the disk, and what they lack ahead', () => {
    const { tables, told, store, carried } = revokeStore();
    tables.rows.revoke.apply([block('rev_1', 'usr_a'), block('rev_2', 'usr_b')]);
    stageAll(store, tableOf(block('rev_2', 'usr_b')));
    store.swap({ ...arrival, position: { epoch: 2, rev: 0 }, carry: 'blocks' });
    expect(told).toEqual(['carried rev_1', 'rows']);
    stageAll(store, tableOf(block('rev_1', 'usr_a')));
    store.swap({ ...arrival, position: { epoch: 3, rev: 0 }, carry: 'blocks' });
    expect(told.slice(2)).toEqual(['carried rev_1 rev_2', 'rows', 'carried rev_2']);
    expect(carried.blocks()).toEqual([block('rev_2', 'usr_b')]);
  });

  it('leave in force what was ended and they lack, or have lower, where the epoch stays', () => {
    const { tables, told, store, carried } = revokeStore();
    const generation = (value: number) =>
      ({ op: 'generation', scope: 'user', subjectId: 'usr_a', value }) as const;
    const ended = (sid: string) => ({ op: 'ended_session', sid, expiresAtMs: 1e12 }) as const;
    tables.rows.revoke.apply([generation(4), ended('ses_a'), ended('ses_b')]);
    const reader = localReader(tables);
    const denied = () => [reader.isSessionEnded('ses_a'), reader.generations('usr_a', null).user];
    stageAll(store, tableOf(generation(3), ended('ses_b')));
    store.swap({ ...arrival, position: { epoch: 1, rev: 9 }, carry: 'denials' });
    expect(denied()).toEqual([true, 4]);
    expect(told[0]).toMatch(/^carried (generation ended_session|ended_session generation)$/);
    expect(carried.blocks()).toEqual([]);
    stageAll(store, tableOf(generation(3), ended('ses_b')));
    store.swap({ ...arrival, position: { epoch: 1, rev: 10 }, carry: 'nothing' });
    expect(denied()).toEqual([true, 4]);
    store.swap({ ...arrival, position: { epoch: 2, rev: 1 }, carry: 'blocks' });
    expect(denied()).toEqual([false, 3]);
    expect(carried.empty).toBe(true);
  });
});
