import { createLog } from '@sallyport/shared/log';
import { beforeAll, describe, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { testDatabase, testLog } from '../testing/database.ts';
import { type Database, openDatabase } from './database.ts';
import { runAsLeader } from './leader-job.ts';
import {
  acquireLease,
  findHolder,
  type Lease,
  LeaseLostError,
  leaderOf,
  releaseLease,
  renewLease,
} from './leases.ts';

let database: Database;
let url: string;
beforeAll(async () => {
  ({ database, url } = await testDatabase());
});

const longMs = 600_000;
let made = 0;
function freshName(): string {
  made += 1;
  return `job-${made}`;
}

async function held(name: string, holder: string): Promise<Lease> {
  const lease = await acquireLease(database.db, name, holder, longMs);
  if (lease === null) throw new Error(`${name} is taken`);
  return lease;
}

/** As time does it: the holder was stopped for longer than its lease. */
async function expire(name: string): Promise<void> {
  await database.ordinary.query(
    `update leases set expires_at = clock_timestamp() - interval '1 second' where name = $1`,
    [name],
  );
}

const action = { verb: 'test', resource: 'test' };

describe('a lease', () => {
  test('has one holder, and the next one a higher fence', async () => {
    const name = freshName();
    const first = await held(name, 'a');
    expect(await acquireLease(database.db, name, 'b', longMs)).toBeNull();
    expect(await findHolder(database, name)).toBe('a');
    await expire(name);
    expect(await findHolder(database, name)).toBeNull();
    const second = await held(name, 'b');
    expect(second.fence).toBeGreaterThan(first.fence);
    expect(await renewLease(database.db, first, longMs)).toBe(false);
    expect(await renewLease(database.db, second, longMs)).toBe(true);
  });

  test('is had by one of many that ask at once', async () => {
    const name = freshName();
    const asked = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((holder) => acquireLease(database.db, name, holder, longMs)),
    );
    expect(asked.filter((lease) => lease !== null)).toHaveLength(1);
  });

  test('that was given back is free, and what is lost cannot be given back', async () => {
    const name = freshName();
    const first = await held(name, 'a');
    await releaseLease(database.db, first);
    const second = await held(name, 'b');
    await releaseLease(database.db, first);
    expect(await findHolder(database, name)).toBe('b');
    expect(await renewLease(database.db, second, longMs)).toBe(true);
  });
});

describe('a holder whose lease is over', () => {
  test('changes nothing, whether another has taken over or not', async () => {
    const name = freshName();
    const stopped = leaderOf(database, await held(name, 'a'));
    await expire(name);
    const write = () =>
      stopped.write(systemActor, action, async (tx) => {
        tx.emit('directory', { op: 'deleted_user', id: 'usr_nobody' });
      });
    const remove = () => stopped.run((db) => db.execute('delete from change_log'));
    for (const attempt of [write, remove]) {
      await expect(attempt()).rejects.toBeInstanceOf(LeaseLostError);
    }
    await held(name, 'b');
    for (const attempt of [write, remove]) {
      await expect(attempt()).rejects.toBeInstanceOf(LeaseLostError);
    }
    const { rows } = await database.ordinary.query('select 1 from change_log');
    expect(rows).toEqual([]);
  });

  test('keeps the next one waiting while its transaction is under way', async () => {
    const name = freshName();
    const lease = await acquireLease(database.db, name, 'a', 200);
    if (lease === null) throw new Error('the lease is taken');
    const began = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const slow = leaderOf(database, lease).run(async () => {
      began.resolve();
      await goOn.promise;
    });
    await began.promise;
    try {
      await expect.poll(() => findHolder(database, name)).toBeNull();
      expect(await acquireLease(database.db, name, 'b', longMs)).toBeNull();
    } finally {
      goOn.resolve();
    }
    await slow;
    expect(await acquireLease(database.db, name, 'b', longMs)).not.toBeNull();
  });
});

describe('a job of leaders', () => {
  test('runs on one replica, and on another when that one stops', async () => {
    const name = freshName();
    const ran: string[] = [];
    const replicas = ['a', 'b'].map((holder) => {
      const own = openDatabase(url, testLog);
      const job = runAsLeader(
        { database: own, name, holder, everyMs: 3_600_000, log: testLog },
        async (leader) => {
          await leader.run((db) => db.execute('select 1'));
          ran.push(holder);
        },
      );
      return { own, job };
    });
    const [a, b] = replicas;
    if (a === undefined || b === undefined) throw new Error('two replicas were made');
    await a.job.runNow();
    await b.job.runNow();
    await a.job.runNow();
    expect(ran).toEqual(['a', 'a']);
    await a.job.stop();
    await b.job.runNow();
    expect(ran).toEqual(['a', 'a', 'b']);
    await b.job.stop();
    await Promise.all(replicas.map(({ own }) => own.close()));
  });

  test('that finds its lease taken by another does nothing more, and says so', async () => {
    const name = freshName();
    const lines: string[] = [];
    const log = createLog('warn', {}, (line) => lines.push(line));
    let written = 0;
    const job = runAsLeader(
      { database, name, holder: 'a', everyMs: 3_600_000, log },
      async (leader) => {
        await expire(name);
        await held(name, 'b');
        await leader.run(async () => {
          written += 1;
        });
      },
    );
    await job.runNow();
    expect([written, lines.join()]).toEqual([0, expect.stringContaining('LeaseLostError')]);
    await job.stop();
    expect(await findHolder(database, name)).toBe('b');
  });

  test('that fails is run again the next time', async () => {
    let runs = 0;
    const log = createLog('error', {}, () => undefined);
    const options = { database, name: freshName(), holder: 'a', everyMs: 3_600_000, log };
    const job = runAsLeader(options, async () => {
      runs += 1;
      if (runs === 1) throw new Error('the first time');
    });
    await job.runNow();
    await job.runNow();
    expect(runs).toBe(2);
    await job.stop();
  });
});
