/**
 * Writes devices into a database as fast as it takes them, as an import of a directory does: many
 * in one revision. A process of its own, for measurements: DATABASE_URL, COUNT (1,000,000) and
 * ROWS in a revision (1,000). Prints one JSON line a second, and the last one when it is done or
 * gets a SIGTERM.
 */
import { newId } from '@sallyport/shared/ids';
import { createLog } from '@sallyport/shared/log';
import { openDatabase } from '../store/database.ts';
import { deviceOp } from '../store/devices.ts';
import { devices } from '../store/schema/index.ts';
import { type Actor, write } from '../store/write.ts';

const count = Number(process.env['COUNT'] ?? '1000000');
const rowsEach = Number(process.env['ROWS'] ?? '1000');
const actor: Actor = {
  kind: 'system',
  id: 'import',
  label: 'import',
  requestId: '',
  sourceAddress: '',
};
const action = { verb: 'import', resource: 'device' };

const database = openDatabase(process.env['DATABASE_URL'] ?? '', createLog('error'));
const startedAt = performance.now();
let made = 0;
let stopping = false;
process.on('SIGTERM', () => {
  stopping = true;
});
const told = setInterval(() => tell(), 1_000);
tell();
while (made < count && !stopping) await importSome(Math.min(rowsEach, count - made));
clearInterval(told);
tell();
await database.close();

async function importSome(rows: number): Promise<void> {
  await write(database, actor, action, async (tx) => {
    const { db, nowMs } = tx;
    const values = Array.from({ length: rows }, (_, index) => ({
      id: newId('dev'),
      name: `laptop-${made + index}`,
      managed: true,
      ownerUserId: null,
      createdAtMs: nowMs,
      updatedAtMs: nowMs,
    }));
    const inserted = await db.insert(devices).values(values).returning();
    tx.emit('directory', ...inserted.map(deviceOp));
  });
  made += rows;
}

function tell(): void {
  const seconds = (performance.now() - startedAt) / 1_000;
  process.stdout.write(`${JSON.stringify({ devices: made, seconds })}\n`);
}
