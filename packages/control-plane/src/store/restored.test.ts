import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lanes } from '@sallyport/shared/state/model';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type TestAdmin, testAdmin } from '../testing/admin.ts';
import { testLog } from '../testing/database.ts';
import { readHead } from './change-log.ts';
import { openLogConnection } from './log-connection.ts';
import { declareRestored } from './restored.ts';
import { databaseIdentity } from './schema/index.ts';

let admin: TestAdmin;
let home: string;
beforeEach(async () => {
  admin = await testAdmin();
  home = await mkdtemp(join(tmpdir(), 'sallyport-home-'));
});
afterEach(() => rm(home, { recursive: true, force: true }));

/** As a replica does when it begins to follow the log. */
async function follow(): Promise<void> {
  const nothing = () => undefined;
  const opened = await openLogConnection(admin.database, lanes, nothing, nothing);
  await opened.close();
}

const declare = () => declareRestored(home, admin.database, Date.now(), testLog);

test('a restore on another server is one epoch, which the audit has with its reason', async () => {
  const { database } = admin;
  await follow();
  const before = await readHead(database.db, 'revoke');
  // What the backup has of its server.
  await database.db.update(databaseIdentity).set({ systemIdentifier: '42', timeline: 7 });
  await writeFile(join(home, 'restored'), 'the disk failed\n');
  await declare();
  const declared = await readHead(database.db, 'revoke');
  expect([declared.epoch > before.epoch, declared.rev]).toEqual([true, 1]);
  await follow();
  expect(await readHead(database.db, 'revoke')).toEqual(declared);
  const { body } = await admin.send('GET', '/v1/audit?resource=epoch');
  expect(body.items).toMatchObject([{ verb: 'raise', detail: { reason: 'the disk failed' } }]);
  expect(await readdir(home)).toEqual([]);
});

test('a home without a mark of a restore changes nothing', async () => {
  const before = await readHead(admin.database.db, 'revoke');
  await declare();
  expect(await readHead(admin.database.db, 'revoke')).toEqual(before);
});
