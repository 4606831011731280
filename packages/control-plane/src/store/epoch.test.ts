import { lanes } from '@sallyport/shared/state/model';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { type Json, type TestAdmin, testAdmin } from '../testing/admin.ts';
import { loggedOps, newestOps } from '../testing/log-ops.ts';
import { bornSession } from '../testing/sessions.ts';
import { readHead } from './change-log.ts';
import { raiseEpoch, readEpochRaisedAt, readForkedAt } from './epoch.ts';
import { openLogConnection } from './log-connection.ts';
import { databaseIdentity } from './schema/index.ts';

let admin: TestAdmin;
beforeEach(async () => {
  admin = await testAdmin();
});

const order = { reason: 'test', actor: systemActor } as const;

describe('the epoch', () => {
  test('is raised for all lanes at once, each goes on from where it was, and everybody signs in again', async () => {
    const { database } = admin;
    const { body: user } = await admin.send('POST', '/v1/users', { body: {} });
    const sid = await bornSession(admin, user.id as string);
    const before = new Map(
      await Promise.all(
        lanes.map(async (lane) => [lane, await readHead(database.db, lane)] as const),
      ),
    );
    const nowMs = Date.now();
    const { raised, epoch } = await raiseEpoch(database, { ...order, nowMs });
    expect([raised, epoch]).toEqual([true, nowMs]);
    for (const lane of lanes) {
      const rev = lane === 'revoke' ? 1 : 0;
      expect(await readHead(database.db, lane)).toEqual({ epoch, rev });
      expect(await readForkedAt(database.db, lane, epoch)).toEqual(before.get(lane));
    }
    const [op] = await newestOps(database, 'revoke');
    expect(op).toMatchObject({ op: 'generation', scope: 'global' });
    expect(op?.op === 'generation' ? op.value : 0).toBeGreaterThanOrEqual(epoch);
    expect((await admin.send('GET', `/v1/sessions/${sid}`)).body.live).toBe(false);
    expect(await readEpochRaisedAt(database.db)).toBe(nowMs);
  });

  test('rises even where the clock went back', async () => {
    const { database } = admin;
    const far = Date.now() + 1_000_000_000;
    await raiseEpoch(database, { ...order, nowMs: far });
    const { epoch } = await raiseEpoch(database, { ...order, nowMs: 5 });
    expect(epoch).toBeGreaterThan(far);
  });

  test('is above what an edge has shown, and the generation above any that it can hold', async () => {
    const { database } = admin;
    const generation = async (): Promise<number> => {
      const [op] = await newestOps(database, 'revoke');
      return op?.op === 'generation' ? op.value : 0;
    };
    // What is lost: an epoch, raised by a clock that was ahead, in which everybody was ended often.
    const shown = Date.now() + 40_000_000;
    const heldThere = shown + 1_000;
    const { epoch } = await raiseEpoch(database, { ...order, nowMs: Date.now(), above: shown });
    expect(epoch).toBeGreaterThan(shown);
    expect(await generation()).toBeGreaterThan(heldThere);
    const before = await generation();
    await admin.send('POST', '/v1/revocations', {
      body: { target: { kind: 'everyone' }, reason: 'a test' },
    });
    expect(await generation()).toBe(before + 1);
  });

  test('is raised once by all that saw the same', async () => {
    const { database } = admin;
    const { epoch: seenEpoch } = await readHead(database.db, 'revoke');
    const nowMs = Date.now();
    const all = await Promise.all(
      [1, 2, 3].map(() => raiseEpoch(database, { ...order, nowMs, seenEpoch })),
    );
    expect(all.filter(({ raised }) => raised)).toHaveLength(1);
    expect(new Set(all.map(({ epoch }) => epoch)).size).toBe(1);
    expect(await loggedOps(database, 'revoke')).toHaveLength(1);
  });

  test('rises while others write, and no write is lost or in between', async () => {
    const { database } = admin;
    const post = () => admin.send('POST', '/v1/users', { body: {} });
    const writes = Array.from({ length: 20 }, post);
    const raise = raiseEpoch(database, { ...order, nowMs: Date.now() });
    const answers = await Promise.all(writes);
    const { epoch } = await raise;
    expect(answers.every(({ status }) => status === 201)).toBe(true);
    const { rows } = await database.ordinary.query<{ epoch: string; n: string }>(
      `select epoch, count(*) as n from change_log where lane = 'directory' group by epoch`,
    );
    const forked = await readForkedAt(database.db, 'directory', epoch);
    const head = await readHead(database.db, 'directory');
    expect((forked?.rev ?? 0) + head.rev).toBe(20);
    expect(rows.reduce((sum, row) => sum + Number(row.n), 0)).toBe(20);
  });

  test('is raised by an owner or a responder, who says why, and it is in the audit', async () => {
    const reason = 'restored the backup of Sunday';
    expect((await admin.send('POST', '/v1/epoch:raise', { body: {} })).status).toBe(400);
    const { status, body } = await admin.send('POST', '/v1/epoch:raise', {
      role: 'responder',
      body: { reason },
    });
    expect([status, (await readHead(admin.database.db, 'config')).epoch]).toEqual([
      200,
      body.epoch,
    ]);
    const audit = await admin.send('GET', '/v1/audit?resource=epoch');
    expect(audit.body.items[0]).toMatchObject({ verb: 'raise', detail: { reason } });
  });
});

describe('a connection that follows the log', () => {
  const open = () =>
    openLogConnection(
      admin.database,
      lanes,
      () => undefined,
      () => undefined,
    );

  async function openedTwice(): Promise<void> {
    const opened = await Promise.all([open(), open()]);
    await Promise.all(opened.map((one) => one.close()));
  }

  test('knows its server, and leaves the epoch alone while that is the same', async () => {
    const before = await readHead(admin.database.db, 'revoke');
    await openedTwice();
    await openedTwice();
    expect(await readHead(admin.database.db, 'revoke')).toEqual(before);
    expect(await admin.database.db.select().from(databaseIdentity)).toHaveLength(1);
  });

  test.each([
    ['another server', { systemIdentifier: '42' }],
    ['another timeline', { timeline: 7 }],
  ])('raises the epoch once where it finds %s', async (_, change) => {
    const { db } = admin.database;
    await openedTwice();
    const before = await readHead(db, 'revoke');
    await db.update(databaseIdentity).set(change);
    await openedTwice();
    await openedTwice();
    const after = await readHead(db, 'revoke');
    expect([after.rev, after.epoch > before.epoch]).toEqual([1, true]);
    const { body } = await admin.send('GET', '/v1/audit?resource=database-server');
    const reasons = body.items.flatMap((row: Json) => row.detail.reason ?? []);
    expect(reasons).toEqual([expect.stringMatching(/^the database server /)]);
  });
});
