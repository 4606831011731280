import { opsFromBytes } from '@sallyport/proto';
import type { Block, Device, StateOp } from '@sallyport/shared/state/model';
import { eq } from 'drizzle-orm';
import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../testing/database.ts';
import { type Database, type Positions, transaction } from './database.ts';
import { adminAudit, changeLog, laneHeads } from './schema/index.ts';
import { type Actor, write } from './write.ts';

const actor: Actor = {
  kind: 'system',
  id: 'test',
  label: 'test',
  requestId: 'req_test',
  sourceAddress: '127.0.0.1',
};
const action = { verb: 'create', resource: 'device', resourceId: 'dev_1' };

const device = (id: string): Device => ({
  op: 'device',
  id,
  name: id,
  managed: true,
  ownerUserId: null,
  posture: [],
});
const block: Block = {
  op: 'block',
  revocationId: 'rev_1',
  kind: 'user',
  subjectId: 'usr_1',
  expiresAtMs: null,
};

let database: Database;
beforeAll(async () => {
  ({ database } = await testDatabase());
});

test('a write has its audit row and a gapless revision in each lane it touched', async () => {
  const before = await heads(database);
  const seen: Positions[] = [];
  const stop = database.onCommitted((positions) => seen.push(positions));
  const { result, positions } = await write(database, actor, action, async (tx) => {
    tx.emit('directory', device('dev_1'));
    tx.emit('revoke', block);
    tx.emit('directory', device('dev_2'));
    return 'done';
  });
  stop();
  expect(result).toBe('done');
  expect(positions.directory?.rev).toBe((before.get('directory') ?? 0) + 1);
  expect(positions.revoke?.rev).toBe((before.get('revoke') ?? 0) + 1);
  expect(positions.config).toBeUndefined();
  expect(seen).toEqual([positions]);
  expect(await opsAt(database, positions)).toEqual([device('dev_1'), device('dev_2')]);
  const audit = await database.db.select().from(adminAudit);
  expect(audit.at(-1)).toMatchObject({ actorId: 'test', verb: 'create', resourceId: 'dev_1' });
});

test('a write that fails leaves no rows, no audit row and no gap', async () => {
  const before = await heads(database);
  const audits = await database.db.$count(adminAudit);
  const failing = write(database, actor, action, (tx) => {
    tx.emit('directory', device('dev_3'));
    return Promise.reject(new Error('no'));
  });
  await expect(failing).rejects.toThrow('no');
  expect(await heads(database)).toEqual(before);
  expect(await database.db.$count(adminAudit)).toBe(audits);
});

test('more than a thousand ops make several revisions of one commit', async () => {
  const ops = Array.from({ length: 2_001 }, (_, index) => device(`dev_${index}`));
  const before = await heads(database);
  const { positions } = await write(database, actor, action, async (tx) => {
    tx.emit('directory', ...ops);
  });
  expect(positions.directory?.rev).toBe((before.get('directory') ?? 0) + 3);
  const rows = await database.db
    .select()
    .from(changeLog)
    .where(eq(changeLog.lane, 'directory'))
    .orderBy(changeLog.rev);
  const last = rows.slice(-3);
  expect(last.map((row) => opsFromBytes(row.body).length)).toEqual([1_000, 1_000, 1]);
  for (const row of rows) expect(row.prevRev).toBe(row.rev - 1);
});

/*
 * The interleaving that loses changes where revisions come from a sequence: the first writer has
 * its revision and is slow to commit, the second is quick. Held open on purpose, so there is no
 * luck in it: the second writer is seen to wait in pg_stat_activity.
 */
test('a later revision is never visible before an earlier one', async () => {
  const start = (await heads(database)).get('directory') ?? 0;
  const first = gate();
  const firstHasRevision = gate();
  const slow = write(
    database,
    actor,
    action,
    async (tx) => {
      tx.emit('directory', device('dev_slow'));
    },
    {
      async finish(_db, { positions }) {
        expect(positions.directory?.rev).toBe(start + 1);
        firstHasRevision.open();
        await first.opened;
      },
    },
  );
  await firstHasRevision.opened;

  let quickIsDone = false;
  const quick = write(database, actor, action, async (tx) => {
    tx.emit('directory', device('dev_quick'));
  }).then((written) => {
    quickIsDone = true;
    return written;
  });
  await untilSomebodyWaitsForALock(database);
  expect(quickIsDone).toBe(false);
  expect((await heads(database)).get('directory')).toBe(start);
  expect(await revisionsAfter(database, start)).toEqual([]);

  first.open();
  const [slowWritten, quickWritten] = await Promise.all([slow, quick]);
  expect(slowWritten.positions.directory?.rev).toBe(start + 1);
  expect(quickWritten.positions.directory?.rev).toBe(start + 2);
  expect(await revisionsAfter(database, start)).toEqual([start + 1, start + 2]);
});

test('a reader between two writers never sees the second without the first', async () => {
  const start = (await heads(database)).get('directory') ?? 0;
  let finished = false;
  const writers = Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let turn = 0; turn < 10; turn += 1) {
        await write(database, actor, action, async (tx) => {
          tx.emit('directory', device(`dev_${writer}_${turn}`));
          if (writer % 2 === 0) tx.emit('revoke', { ...block, revocationId: `rev_${writer}` });
        });
      }
    }),
  ).finally(() => {
    finished = true;
  });
  let looks = 0;
  while (!finished) {
    const seen = await revisionsAfter(database, start);
    expect(seen).toEqual(seen.map((_, index) => start + 1 + index));
    looks += 1;
  }
  await writers;
  expect(looks).toBeGreaterThan(0);
  expect(await revisionsAfter(database, start)).toHaveLength(80);
});

test('a revision that somebody holds is refused after a second, and the process goes on', async () => {
  const held = gate();
  const locked = gate();
  const holder = transaction(database.ordinary, async (db) => {
    await db.select().from(laneHeads).where(eq(laneHeads.lane, 'directory')).for('update');
    locked.open();
    await held.opened;
  });
  await locked.opened;
  const refused = write(database, actor, action, async (tx) => {
    tx.emit('directory', device('dev_late'));
  });
  await expect(refused).rejects.toMatchObject({ code: 'database_unavailable' });
  held.open();
  await holder;
  await write(database, actor, action, async (tx) => tx.emit('directory', device('dev_late')));
});

test('what was acknowledged is on disk: commits are synchronous whatever the default', async () => {
  const rows = await transaction(database.ordinary, (db) => db.execute('show synchronous_commit'));
  expect(rows.rows).toEqual([{ synchronous_commit: 'on' }]);
});

interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

function gate(): Gate {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { opened: promise, open: () => resolve() };
}

async function heads(of: Database): Promise<ReadonlyMap<string, number>> {
  const rows = await of.db.select().from(laneHeads);
  return new Map(rows.map((row) => [row.lane, row.rev]));
}

async function revisionsAfter(of: Database, rev: number): Promise<number[]> {
  const rows = await of.db
    .select({ rev: changeLog.rev })
    .from(changeLog)
    .where(eq(changeLog.lane, 'directory'))
    .orderBy(changeLog.rev);
  return rows.map((row) => row.rev).filter((value) => value > rev);
}

async function opsAt(of: Database, positions: Positions): Promise<StateOp[]> {
  const rev = positions.directory?.rev ?? 0;
  const rows = await of.db.select().from(changeLog).where(eq(changeLog.rev, rev));
  return rows.filter((row) => row.lane === 'directory').flatMap((row) => opsFromBytes(row.body));
}

async function untilSomebodyWaitsForALock(of: Database): Promise<void> {
  const waiting = `select count(*)::int as n from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`;
  await expect
    .poll(async () => (await of.urgent.query<{ n: number }>(waiting)).rows[0]?.n, {
      timeout: 900,
      interval: 5,
    })
    .toBeGreaterThan(0);
}
