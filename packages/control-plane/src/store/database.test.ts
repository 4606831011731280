import type { Socket } from 'node:net';
import { beforeEach, describe, expect, test } from 'vitest';
import { systemActor } from '../testing/actor.ts';
import { type TestAdmin, testAdmin } from '../testing/admin.ts';
import { execute, testDatabase, testLog } from '../testing/database.ts';
import { type Executor, openDatabase, transaction } from './database.ts';
import { findInstallation } from './keys.ts';
import { openLogConnection } from './log-connection.ts';
import { write } from './write.ts';

const action = { verb: 'test', resource: 'test' };

describe('a connection that died while it was idle', () => {
  test.each(['ordinary', 'urgent'] as const)(
    'is met by the first word of a transaction, which is then said again (%s)',
    async (name) => {
      const { database, url } = await testDatabase();
      const pool = database[name];
      const client = await pool.connect();
      const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
      client.release();
      // It does not hear that it is over before it is used, as in a process that was busy.
      const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
      stream.pause();
      await execute(url, `select pg_terminate_backend(${rows[0]?.pid ?? 0})`);
      const began = transaction(pool, async (db) => db.execute('select 1'));
      stream.resume();
      expect((await began).rowCount).toBe(1);
    },
  );
});

describe('a database that is slow or locked (fault F2)', () => {
  let admin: TestAdmin;
  beforeEach(async () => {
    admin = await testAdmin();
  });

  test('answers 503 where a table is locked, and revokes all the while', async () => {
    const locker = await admin.database.connect();
    try {
      await locker.query('begin; lock table users in access exclusive mode');
      const [list, create, revocation] = await Promise.all([
        admin.send('GET', '/v1/users'),
        admin.send('POST', '/v1/users', { body: {} }),
        admin.send('POST', '/v1/revocations', {
          body: { target: { kind: 'everyone' }, reason: 'meanwhile' },
        }),
      ]);
      expect([list.status, create.status, revocation.status]).toEqual([503, 503, 201]);
    } finally {
      await locker.query('rollback');
      await locker.end();
    }
    expect((await admin.send('GET', '/v1/users')).status).toBe(200);
  });
});

describe('a database without a connection to spare (fault F7)', () => {
  test('takes revocations on those that were kept, and the rest again when there is room', async () => {
    const { database, url } = await testDatabase();
    await limit(url, 4);
    const own = openDatabase(asRole(url), testLog);
    const others: { end(): Promise<void> }[] = [];
    try {
      await own.reserve();
      const greedy = openDatabase(asRole(url), testLog);
      others.push({ end: () => greedy.close() });
      for (let n = 0; n < 2; n += 1) others.unshift(await greedy.connect());
      await expect(transaction(own.ordinary, findInstallation)).rejects.toMatchObject({
        code: 'database_unavailable',
      });
      const written = await write(own, systemActor, action, async () => 'done', { urgent: true });
      expect(written.result).toBe('done');
      for (const other of others.splice(0)) await other.end();
      await expect
        .poll(() =>
          transaction(own.ordinary, findInstallation).then(
            () => 'answered',
            () => 'refused',
          ),
        )
        .toBe('answered');
    } finally {
      for (const other of others) await other.end();
      await own.close();
    }
    await database.ordinary.query('select 1');
  });

  /** The rights of a control plane, and no more: no superuser, whom no limit holds. */
  async function limit(url: string, connections: number): Promise<void> {
    await execute(url, `create role plain login password 'plain' connection limit ${connections}`);
    await execute(url, 'grant all on all tables in schema public to plain');
    await execute(url, 'grant all on all sequences in schema public to plain');
  }

  function asRole(url: string): string {
    const role = new URL(url);
    role.username = 'plain';
    role.password = 'plain';
    return role.href;
  }

  test('is followed with the rights of an ordinary role', async () => {
    const { url } = await testDatabase();
    await execute(url, 'grant all on all tables in schema public to plain');
    await execute(url, 'grant all on all sequences in schema public to plain');
    const own = openDatabase(asRole(url), testLog);
    const connection = await openLogConnection(own, ['revoke'], noop, noop);
    const page = await connection.read(new Map());
    expect(page.heads.get('revoke')?.rev).toBe(0);
    await connection.close();
    await own.close();
  });
});

function noop(): void {
  // Nothing to hear.
}

test('a database that takes no writes says so', async () => {
  const { database } = await testDatabase();
  const body = async (db: Executor) => db.execute('delete from leases');
  await expect(transaction(database.ordinary, body, { readOnly: true })).rejects.toMatchObject({
    code: 'database_read_only',
  });
});
