import { expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { testDatabase } from '../testing/database.ts';
import { listAuditAfter, newestAuditId } from './audit.ts';
import { type Database, transaction } from './database.ts';
import { followSettled } from './settled.ts';
import { insertAuditRow } from './write.ts';

const write = (database: Database, resourceId: string, before?: Promise<unknown>) => {
  const wrote = Promise.withResolvers<void>();
  const done = transaction(database.ordinary, async (db) => {
    const action = { verb: 'test', resource: 'test', resourceId };
    await insertAuditRow(db, systemActor, action, {}, Date.now());
    wrote.resolve();
    await before;
  });
  return { wrote: wrote.promise, done };
};

test('a reader of a sequence misses nothing that commits late under an earlier id', async () => {
  const { database } = await testDatabase();
  const settled = followSettled('admin_audit', 'admin_audit_id_seq');
  const { db } = database;
  const seen: string[] = [];
  let after = 0;
  const follow = async (): Promise<void> => {
    const upTo = await newestAuditId(db, await settled.look(db));
    for (const row of await listAuditAfter(db, after, upTo, 100)) {
      seen.push(row.resourceId);
      after = row.id;
    }
  };
  await write(database, 'first').done;
  await follow();
  expect(seen).toEqual(['first']);

  const release = Promise.withResolvers<void>();
  const slow = write(database, 'slow', release.promise);
  await slow.wrote;
  await write(database, 'quick').done;
  // The later id is there to see, and the earlier one is not yet.
  expect(await newestAuditId(db, 1_000)).toBeGreaterThan(after);
  await follow();
  await follow();
  expect(seen).toEqual(['first']);
  // A writer that begins meanwhile is not waited for.
  const next = Promise.withResolvers<void>();
  const later = write(database, 'later', next.promise);
  await later.wrote;
  release.resolve();
  await slow.done;
  await follow();
  expect(seen).toEqual(['first', 'slow', 'quick']);
  next.resolve();
  await later.done;
  await follow();
  expect(seen).toEqual(['first', 'slow', 'quick', 'later']);
});

test('what was rolled back leaves a hole that nobody waits for', async () => {
  const { database } = await testDatabase();
  const settled = followSettled('admin_audit', 'admin_audit_id_seq');
  const undo = Promise.withResolvers<void>();
  const gone = write(database, 'gone', undo.promise);
  await gone.wrote;
  undo.reject(new Error('undone'));
  await expect(gone.done).rejects.toThrow('undone');
  await write(database, 'kept').done;
  const upTo = await settled.look(database.db);
  expect((await listAuditAfter(database.db, 0, upTo, 10)).map((row) => row.resourceId)).toEqual([
    'kept',
  ]);
});
