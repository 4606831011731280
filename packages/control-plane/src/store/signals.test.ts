import { beforeAll, describe, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { testDatabase } from '../testing/database.ts';
import { newestOps } from '../testing/log-ops.ts';
import type { Database } from './database.ts';
import { deleteSignal, putSignal, type SignalRow } from './signals.ts';
import { write } from './write.ts';

let database: Database;
beforeAll(async () => {
  ({ database } = await testDatabase());
});

const action = { verb: 'test', resource: 'signal' };
const risk: SignalRow = {
  subject: 'user',
  subjectId: 'usr_1',
  name: 'risk',
  value: 'high',
  observedAtMs: 1_000,
  expiresAtMs: 2_000,
};

const put = (row: SignalRow) =>
  write(database, systemActor, action, async (tx) =>
    tx.emit('signals', await putSignal(tx.db, row)),
  );
const remove = (row: SignalRow) =>
  write(database, systemActor, action, async (tx) => {
    const op = await deleteSignal(tx.db, row);
    if (op !== null) tx.emit('signals', op);
    return op;
  });

describe('a signal', () => {
  test('takes the place of an earlier one of its name, and goes by name', async () => {
    await put(risk);
    await put({ ...risk, value: 'low' });
    expect(await newestOps(database, 'signals')).toEqual([{ op: 'signal', ...risk, value: 'low' }]);
    const { subject, subjectId, name } = risk;
    expect((await remove(risk)).result).toEqual({ op: 'deleted_signal', subject, subjectId, name });
    expect((await remove(risk)).result).toBeNull();
  });

  test.each<Partial<SignalRow>>([
    { name: '' },
    { name: 'Risk' },
    { name: 'x'.repeat(33) },
    { value: 'é'.repeat(129) },
  ])('that the lane cannot carry is refused: %j', async (change) => {
    await expect(put({ ...risk, ...change })).rejects.toThrow(RangeError);
  });
});
