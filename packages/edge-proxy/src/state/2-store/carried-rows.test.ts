import { opsToBytes } from '@sallyport/proto';
import type { Block } from '@sallyport/shared/state/model';
import { createCarriedTable } from '@sallyport/shared/state/tables/lane-table';
import { type Denial, denialKey } from '@sallyport/shared/sync/denials';
import type { FrameProof } from '@sallyport/shared/sync/messages';
import { describe, expect, it } from 'vitest';
import { CarriedRows, type SavedDenials } from './carried-rows.ts';

const at = (rev: number, epoch = 1) => ({ epoch, rev });
const block = (id: string, expiresAtMs: number | null = null): Block => {
  return { op: 'block', revocationId: id, kind: 'user', subjectId: 'usr_a', expiresAtMs };
};
const bodyOf = (...ops: Block[]) => Uint8Array.from(opsToBytes(ops));

const proof = (rev: number, epoch = 1): FrameProof => {
  const signature = new Uint8Array(64);
  const bodySha256 = new Uint8Array(32);
  return { epoch, prevRev: rev - 1, rev, bodySha256, keyId: 'key_1', signature };
};

function rowsOn(
  kept: () => Promise<void> | null,
  inRows: (denial: Denial) => boolean = () => false,
) {
  const saved: SavedDenials[] = [];
  const table = createCarriedTable();
  const save = (denials: SavedDenials) => {
    saved.push(denials);
    return Promise.resolve();
  };
  const distributor = { changed: () => undefined };
  const rows = new CarriedRows({
    table,
    distributor,
    save,
    kept,
    inRows,
    onBlocks: () => undefined,
  });
  return { rows, table, saved };
}

describe('what is kept on disk of denials beside the rows', () => {
  it('has an early one until the rows that hold it are on disk, too', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { rows, table, saved } = rowsOn(() => promise);
    rows.enforceEarly(proof(12), bodyOf(block('one')));
    rows.dropEarly(at(15), false);
    expect(table.rows).toBe(0);
    expect(saved.at(-1)?.early).toMatchObject([{ proof: proof(12) }]);
    rows.enforceEarly(proof(17), bodyOf(block('two')));
    expect(saved.at(-1)?.early).toMatchObject([{ proof: proof(17) }, { proof: proof(12) }]);
    resolve();
    await promise;
    expect(saved.at(-1)?.early).toMatchObject([{ proof: proof(17) }]);
  });

  it('has what was enforced early and another history lacks, carried on', () => {
    const { rows, table, saved } = rowsOn(
      () => null,
      (denial) => denialKey(denial).includes('one'),
    );
    rows.enforceEarly(proof(12), bodyOf(block('one'), block('two')));
    rows.dropEarly(at(12), true);
    expect(table.rows).toBe(1);
    expect(rows.blocks()).toEqual([block('two')]);
    expect(saved.at(-1)).toMatchObject({ denials: [block('two')], early: [] });
  });

  it('has what a restart finds enforced early, and the rows lack, carried on', () => {
    const { rows } = rowsOn(() => null);
    const early = [{ proof: proof(12), body: bodyOf(block('one')) }];
    rows.restore({ epoch: 0, denials: [], early }, at(12));
    expect(rows.blocks()).toEqual([block('one')]);
  });

  it('has early ones with their positions after a block is carried, and after a restart', async () => {
    const { rows, saved } = rowsOn(() => null);
    rows.enforceEarly(proof(12), bodyOf(block('one')));
    await rows.carry([block('two')], 1);
    const again = rowsOn(() => null);
    again.rows.restore(saved.at(-1) ?? { epoch: 0, denials: [], early: [] }, at(10));
    await again.rows.carry([block('three')], 1);
    expect(again.saved.at(-1)).toMatchObject({
      denials: [block('two'), block('three')],
      early: [{ proof: proof(12) }],
    });
    expect(again.table.rows).toBe(3);
  });

  it('has a carried block that arrived until its rows are on disk, too, or it is lifted', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { rows, table, saved } = rowsOn(() => promise);
    await rows.carry([block('one'), block('two')], 2);
    rows.applied([block('one'), block('two')]);
    expect(table.rows).toBe(0);
    expect(rows.blocks()).toEqual([]);
    expect(saved.at(-1)?.denials).toEqual([block('one'), block('two')]);
    rows.applied([{ op: 'lifted_block', revocationId: 'one', kind: 'user', subjectId: 'usr_a' }]);
    await rows.carry([block('three')], 3);
    expect(saved.at(-1)?.denials).toEqual([block('three'), block('two')]);
    resolve();
    await promise;
    expect(saved.at(-1)?.denials).toEqual([block('three')]);
  });

  it('has all of many that arrive, also when others are on disk in the middle of it', async () => {
    const first = Promise.withResolvers<void>();
    let kept = first.promise;
    let arriving = false;
    const { rows, table, saved } = rowsOn(
      () => kept,
      () => {
        if (arriving) first.resolve();
        return true;
      },
    );
    await rows.carry([block('before')], 2);
    rows.applied([block('before')]);
    const many = Array.from({ length: 300 }, (_, n) => block(`rev_${n}`));
    await rows.carry(many, 3);
    // The rows of now are others, and not on disk.
    kept = new Promise(() => undefined);
    arriving = true;
    const earlier = saved.length;
    await rows.arrived(3);
    expect(table.rows).toBe(0);
    const counts = saved.slice(earlier).map(({ denials }) => {
      return denials.filter((one) => many.some((other) => denialKey(other) === denialKey(one)))
        .length;
    });
    expect(counts).toEqual([many.length, many.length]);
  });

  it('has what is carried until an epoch ends with that epoch', async () => {
    const { rows, table, saved } = rowsOn(() => null);
    await rows.carry([{ op: 'ended_session', sid: 'ses_a', expiresAtMs: 1e15 }], 3);
    expect(saved.at(-1)).toMatchObject({ epoch: 3, denials: [{ sid: 'ses_a' }] });
    expect(rows.blocks()).toEqual([]);
    await rows.arrived(3);
    expect(table.rows).toBe(1);
    await rows.arrived(4);
    expect(table.rows).toBe(0);
    expect(saved.at(-1)).toMatchObject({ denials: [] });
  });

  it('has an ended session that arrived until its rows are on disk, too, or it is forgotten', async () => {
    const { rows, table, saved } = rowsOn(() => new Promise(() => undefined));
    const ended = { op: 'ended_session', sid: 'ses_a', expiresAtMs: 1e15 } as const;
    await rows.carry([ended], 3);
    rows.applied([ended]);
    expect(table.rows).toBe(0);
    expect(saved.at(-1)).toMatchObject({ epoch: 3, denials: [ended] });
    rows.applied([{ op: 'forgotten_session', sid: 'ses_a' }]);
    await rows.carry([block('one')], 3);
    expect(saved.at(-1)?.denials).toEqual([block('one')]);
  });

  it('has a carried block that a wall clock ahead takes for ended, and it is only not told of', async () => {
    const { rows, table } = rowsOn(() => null);
    await rows.carry([block('one', 1_000)], 2);
    rows.expire(1e12);
    expect(rows.blocks()).toEqual([]);
    expect(table.rows).toBe(1);
    rows.expire(999);
    expect(rows.blocks()).toEqual([block('one', 1_000)]);
  });
});
