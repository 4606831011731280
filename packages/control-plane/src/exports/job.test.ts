import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { describe, expect, test, vi } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { hostileTexts } from '../testing/export-rows.ts';
import { exportWorld, readRows } from '../testing/export-world.ts';
import { httpsServer } from '../testing/https-server.ts';
import { accessRecord } from '../testing/records.ts';
import { syslogReceiver } from '../testing/syslog-receiver.ts';

const within = { timeout: 20_000, interval: 50 };
// Many things happen in each, one after the other.
vi.setConfig({ testTimeout: 90_000 });
const host = 'siem.corp.localhost';

/** Waits until what `look` gives is as it should be, kicking the job meanwhile. */
async function until(running: { runNow(): Promise<void> }, look: () => Promise<void> | void) {
  await vi.waitFor(async () => {
    await running.runNow();
    await look();
  }, within);
}

describe('the exports of the live settings', () => {
  test('get every record and write from then on, in order, each where it is to go', async () => {
    const world = await exportWorld();
    const { admin, authority, folder } = world;
    const insert = (...paths: string[]) =>
      insertAccessRecords(
        admin.database,
        'edg_test',
        paths.map((path) => accessRecord({ path, userAgent: path })),
        Date.now(),
      );
    const syslog = await syslogReceiver(authority, host);
    const bodies: string[] = [];
    const { origin } = await httpsServer(authority, 'otel.corp.localhost', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        bodies.push(Buffer.concat(chunks).toString('utf8'));
        response.writeHead(200).end('{}');
      });
    });
    // A receiver that takes connections and says nothing, for ever.
    const silent = createServer((socket) => socket.on('error', () => undefined)).listen(
      0,
      '127.0.0.1',
    );
    await once(silent, 'listening');
    await insert('/before-anybody-asked');
    const all = join(folder, 'all.jsonl');
    const audit = join(folder, 'audit.jsonl');
    await world.configure({
      exports: [
        {
          name: 'stuck',
          syslog: { host, port: (silent.address() as AddressInfo).port, trustBundle: 'siem' },
        },
        { name: 'archive', file: { path: all } },
        { name: 'writes', what: ['audit'], file: { path: audit } },
        {
          name: 'siem',
          what: ['decisions'],
          syslog: { host, port: syslog.port, trustBundle: 'siem' },
        },
        { name: 'otel', otlp: { url: `${origin}/v1/logs`, trustBundle: 'siem' } },
      ],
    });
    const running = world.start();
    // From when it is seen on.
    await until(running, async () =>
      expect(await running.metric('sallyport_export_lag_rows', { sink: 'siem' })).toBe(0),
    );
    const paths = hostileTexts.map((text, index) => `/${index}${text.slice(0, 100)}`);
    await insert(...paths);
    await admin.send('POST', '/v1/groups', { body: { name: 'employees' } });
    const stored = paths.map((path) => path.toWellFormed().replaceAll('\u0000', '\ufffd'));
    await until(running, async () => {
      const rows = await readRows(all);
      expect(rows.filter(({ kind }) => kind === 'access').map(({ path }) => path)).toEqual(stored);
      const writes = (await readRows(audit)).filter(({ resource }) => resource === 'group');
      expect(writes).toMatchObject([
        { kind: 'audit', verb: 'create', detail: { name: 'employees' } },
      ]);
      expect((await readRows(audit)).every(({ kind }) => kind === 'audit')).toBe(true);
      expect(
        syslog.messages.map(({ text }) => (JSON.parse(text) as { path: string }).path),
      ).toEqual(stored);
      expect(bodies.join('')).toContain('sallyport.access');
      expect(bodies.join('')).toContain('employees');
    });
    const lag = await running.metric('sallyport_export_lag_rows', { sink: 'stuck' });
    expect(lag).toBe(paths.length);
    const { body } = await admin.send('GET', '/v1/exports', { role: 'viewer' });
    expect(
      body.items.map((item: { name: string; kind: string }) => [item.name, item.kind]),
    ).toEqual([
      ['stuck', 'syslog'],
      ['archive', 'file'],
      ['writes', 'file'],
      ['siem', 'syslog'],
      ['otel', 'otlp'],
    ]);
    // One that goes away does not wait for its time, and takes nothing of the others with it.
    await world.configure({ exports: [{ name: 'archive', file: { path: all } }] });
    await until(running, async () => {
      expect(await running.metric('sallyport_export_lag_rows', { sink: 'stuck' })).toBeUndefined();
      expect((await readRows(all)).at(-1)).toMatchObject({ resource: 'configuration' });
    });
    await running.stop();
    silent.close();
  });

  test('go on where they were, on another replica too, and say what they could not send', async () => {
    const world = await exportWorld(({ folder }) => ({
      exports: [{ name: 'archive', what: ['decisions'], file: { path: join(folder, 'a.jsonl') } }],
    }));
    const { admin, folder } = world;
    const { database } = admin;
    const path = join(folder, 'a.jsonl');
    let inserted = 0;
    const insert = async (count: number): Promise<void> => {
      const records = Array.from({ length: count }, () =>
        accessRecord({ path: `/${(inserted += 1)}` }),
      );
      await insertAccessRecords(database, 'edg_test', records, Date.now());
    };
    const paths = async () => (await readRows(path)).map((row) => row['path']);
    const expected = (from: number, to: number) =>
      Array.from({ length: to - from + 1 }, (_, index) => `/${from + index}`);
    const one = world.start('replica-1');
    await until(one, async () =>
      expect(await one.metric('sallyport_export_lag_rows', { sink: 'archive' })).toBe(0),
    );
    // One that does not lead sends nothing, however often it looks.
    const standby = world.start('replica-0');
    await standby.runNow();
    await insert(1_500);
    await until(one, async () => {
      await standby.runNow();
      expect(await paths()).toEqual(expected(1, 1_500));
    });
    expect(await standby.metric('sallyport_export_lag_rows', {})).toBeUndefined();
    await standby.stop();
    await one.stop();
    await insert(10);
    const two = world.start('replica-2');
    await until(two, async () => expect(await paths()).toEqual(expected(1, 1_510)));

    // Nothing can be written below a file; meanwhile retention takes 30 of 40 away.
    await world.configure({
      exports: [{ name: 'archive', what: ['decisions'], file: { path: join(folder, 'b', 'c') } }],
    });
    await writeFile(join(folder, 'b'), '');
    await insert(40);
    await until(two, async () => {
      const { body } = await admin.send('GET', '/v1/exports');
      expect(body.items[0].progress).toMatchObject([
        { what: 'decisions', failure: 'the file cannot be written: EEXIST' },
      ]);
      expect(await two.metric('sallyport_export_lag_rows', { sink: 'archive' })).toBe(40);
      expect(await two.metric('sallyport_export_lag_seconds', { sink: 'archive' })).toBeGreaterThan(
        0,
      );
    });
    await two.stop();
    // Looking at the newest row is what makes a gap known; a new leader does it at once.
    const three = world.start('replica-3');
    await until(three, async () => {
      const { body } = await admin.send('GET', '/v1/exports');
      expect(body.items[0].progress[0].behind).toBe(40);
    });
    await database.db.execute(
      sql`delete from access_records where id in (select id from access_records order by id limit 1540)`,
    );
    await world.configure({
      exports: [{ name: 'archive', what: ['decisions'], file: { path: join(folder, 'c.jsonl') } }],
    });
    await until(three, async () => {
      expect((await readRows(join(folder, 'c.jsonl'))).map((row) => row['path'])).toEqual(
        expected(1_541, 1_550),
      );
      // Nobody knows how many there were.
      expect(await three.metric('sallyport_export_rows_missed_total', { sink: 'archive' })).toBe(1);
    });
    const { body } = await admin.send('GET', '/v1/exports');
    expect(body.items[0].progress[0]).toMatchObject({ behind: 0, missed: 1, failure: null });
    await three.stop();
  });
});
