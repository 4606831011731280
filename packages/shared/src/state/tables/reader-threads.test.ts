import { once } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { MessageChannel, Worker } from 'node:worker_threads';
import { describe, expect, it, onTestFinished } from 'vitest';
import { newId } from '../../ids.ts';
import { createLaneTable, type LaneTable, type RowOp } from './lane-table.ts';
import { encodeAll } from './testing/copies.ts';
import type { ReaderFindings, ReaderWork } from './testing/reader-worker.ts';

const devices = Array.from({ length: 12 }, () => newId('dev'));
const owner = newId('usr');

/** One revision: all devices get the same name, whose length changes with each. */
function revision(number: number): RowOp[] {
  const name = `${number}${'.'.repeat(number % 23)}`;
  return devices.map((id) => ({
    op: 'device',
    id,
    name,
    managed: false,
    ownerUserId: owner,
    posture: [],
  }));
}

interface Reader {
  readonly passes: () => number;
  readonly end: () => Promise<ReaderFindings>;
}

function startReader(directory: LaneTable): Reader {
  const other = createLaneTable('revoke').shared();
  const { port1, port2 } = new MessageChannel();
  directory.onLayout((change) => port1.postMessage(change));
  const control = new Int32Array(new SharedArrayBuffer(8));
  const lanes = {
    revoke: other,
    carried: other,
    signals: createLaneTable('signals').shared(),
    directory: directory.shared(),
  };
  const workerData: ReaderWork = { lanes, layouts: port2, devices, owner, control };
  const worker = new Worker(new URL('./testing/reader-worker.ts', import.meta.url), {
    workerData,
    transferList: [port2],
  });
  onTestFinished(async () => void (await worker.terminate()));
  port1.unref();
  return {
    passes: () => Atomics.load(control, 1),
    end: async () => {
      const findings = once(worker, 'message');
      Atomics.store(control, 0, 1);
      return ((await findings) as [ReaderFindings])[0];
    },
  };
}

/** Writes until the condition holds, with a bound. */
async function writeUntil(write: (turn: number) => void, done: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200_000 && !done(); turn += 1) {
    write(turn);
    if (turn % 16 === 0) await setImmediate();
  }
}

describe('readers in other threads', () => {
  it('never see a part of a revision, while shards grow and are put in place whole', async () => {
    const table = createLaneTable('directory');
    table.apply(revision(0));
    const readers = [startReader(table), startReader(table)];
    let swapped = 0;
    await writeUntil(
      (turn) => {
        const added = Array.from(
          { length: turn % 4 },
          (): RowOp => ({ op: 'deleted_user', id: 'usr_a' }),
        );
        const grown: RowOp[] = turn % 8 === 0 ? [{ ...device(newId('dev')) }] : [];
        table.apply([...revision(turn), ...added, ...grown]);
        if (turn % 64 !== 63) return;
        // The shards as another table has them one revision later, all at once.
        const next = createLaneTable('directory');
        const staged = next.stage();
        for (const [index, bytes] of encodeAll(table).entries()) staged.put(index, bytes);
        staged.commit();
        next.apply(revision(turn + 1));
        const swap = table.stage();
        for (const [index, bytes] of encodeAll(next).entries()) swap.put(index, bytes);
        swap.commit();
        swapped += 1;
      },
      () => swapped > 3 && readers.every((reader) => reader.passes() > 2_000),
    );
    for (const reader of readers) {
      const { passes, torn, revisions } = await reader.end();
      expect(torn).toEqual([]);
      expect(passes).toBeGreaterThan(2_000);
      expect(revisions).toBeGreaterThan(1);
    }
  });
});

function device(id: string): RowOp {
  return { op: 'device', id, name: 'more', managed: true, ownerUserId: null, posture: [] };
}
