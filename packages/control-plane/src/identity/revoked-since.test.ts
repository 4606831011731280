import type { Position, StateOp } from '@sallyport/shared/state/model';
import { beforeAll, describe, expect, it } from 'vitest';
import { readHead } from '../store/change-log.ts';
import type { Database } from '../store/database.ts';
import { write } from '../store/write.ts';
import { testDatabase } from '../testing/database.ts';
import { testActor } from '../testing/edge-world.ts';
import { RevokedSince } from './revoked-since.ts';

let database: Database;
beforeAll(async () => {
  ({ database } = await testDatabase());
});

const action = { verb: 'test', resource: 'test' };
const head = (): Promise<Position> => readHead(database.db, 'revoke');
const emit = (op: StateOp) =>
  write(database, testActor, action, async (tx) => tx.emit('revoke', op));
const ofUser = (subjectId: string): StateOp => ({
  op: 'generation',
  scope: 'user',
  subjectId,
  value: 1,
});

/** Many sign-outs, one revision each. */
async function signOuts(count: number): Promise<void> {
  const ended: StateOp = { op: 'ended_session', sid: 'ses_x', expiresAtMs: 1 };
  await emit(ended);
  const { epoch, rev } = await head();
  await database.ordinary.query(
    `insert into change_log (lane, epoch, rev, prev_rev, body, written_at_ms)
     select lane, epoch, rev + n, rev + n - 1, body, written_at_ms
     from change_log, generate_series(1, $3::int) n
     where lane = 'revoke' and epoch = $1 and rev = $2`,
    [epoch, rev, count - 1],
  );
  await database.ordinary.query(`update lane_heads set rev = rev + $1 where lane = 'revoke'`, [
    count - 1,
  ]);
}

describe('what was revoked while somebody signed in', () => {
  it('is told through any number of sign-outs of others', async () => {
    const since = await head();
    await signOuts(6_000);
    await emit(ofUser('usr_gone'));
    await signOuts(600);
    const revoked = new RevokedSince(since);
    await revoked.catchUp(database.db);
    expect(await revoked.answer(database.db, 'usr_gone', null)).toBe('revoked');
    expect(await revoked.answer(database.db, 'usr_other', 'dev_other')).toBe('no');
  });

  it('is seen when it comes after the log was read, and too much of it is read outside', async () => {
    const revoked = new RevokedSince(await head());
    await revoked.catchUp(database.db);
    await emit(ofUser('usr_late'));
    expect(await revoked.answer(database.db, 'usr_other', null)).toBe('no');
    expect(await revoked.answer(database.db, 'usr_late', null)).toBe('revoked');
    await signOuts(1_200);
    expect(await revoked.answer(database.db, 'usr_other', null)).toBe('behind');
    await revoked.catchUp(database.db);
    expect(await revoked.answer(database.db, 'usr_other', null)).toBe('no');
  });

  it('counts as everybody where the log has a gap, another epoch or an older head', async () => {
    const since = await head();
    await signOuts(3);
    const { rev } = await head();
    const ahead = new RevokedSince({ ...since, rev: rev + 1 });
    await ahead.catchUp(database.db);
    expect(await ahead.answer(database.db, 'usr_other', null)).toBe('revoked');
    const elsewhere = new RevokedSince({ ...since, epoch: since.epoch + 1 });
    await elsewhere.catchUp(database.db);
    expect(await elsewhere.answer(database.db, 'usr_other', null)).toBe('revoked');
    await database.ordinary.query(`delete from change_log where lane = 'revoke' and rev < $1`, [
      rev,
    ]);
    const late = new RevokedSince(since);
    await late.catchUp(database.db);
    expect(await late.answer(database.db, 'usr_other', null)).toBe('revoked');
  });
});
