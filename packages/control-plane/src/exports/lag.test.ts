import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { insertAccessRecords } from '../store/access-records.ts';
import { exportWorld } from '../testing/export-world.ts';
import { accessRecord } from '../testing/records.ts';

test('all kinds of rows that wait for a sink that fails are told of, with the first failure', async () => {
  // Nothing can be written below a file.
  const world = await exportWorld(({ folder }) => ({
    exports: [
      { name: 'stuck', what: ['decisions', 'audit'], file: { path: join(folder, 'a', 'b') } },
    ],
  }));
  const { admin, folder } = world;
  await writeFile(join(folder, 'a'), '');
  const running = world.start();
  const until = (look: () => Promise<void>) =>
    vi.waitFor(
      async () => {
        await running.runNow();
        await look();
      },
      { timeout: 20_000, interval: 50 },
    );
  const lag = (what: string, unit: string) =>
    running.metric(`sallyport_export_lag_${unit}`, { sink: 'stuck', what });
  await until(async () => {
    expect([await lag('decisions', 'rows'), await lag('audit', 'rows')]).toEqual([0, 0]);
  });
  await insertAccessRecords(admin.database, 'edg_a', [accessRecord()], Date.now());
  await admin.send('POST', '/v1/groups', { body: { name: 'employees' } });
  await until(async () => {
    expect(await lag('decisions', 'seconds')).toBeGreaterThan(0);
    expect(await lag('audit', 'seconds')).toBeGreaterThan(0);
    expect([await lag('decisions', 'rows'), await lag('audit', 'rows')]).toEqual([1, 1]);
  });
  await vi.waitFor(async () => {
    const { body } = await admin.send('GET', '/v1/exports');
    const [{ progress }] = body.items;
    const decisions = progress.find(({ what }: { what: string }) => what === 'decisions');
    expect(decisions.failure).toContain('cannot be written');
    // With what is said of the failure, and not with the next round of the books.
    expect(decisions.behind).toBe(1);
  });
  await running.stop();
});
