import { setTimeout as delay } from 'node:timers/promises';
import { createFileSink } from '../exports/sinks/file.ts';
import { exportRows } from './export-rows.ts';

/**
 * Writes rows into a file without end, from a position on, and says on standard output how far it
 * got, or that it failed. Killed by the test that started it.
 */
const [path = '', folder = '', bytesMax = '', from = ''] = process.argv.slice(2);
const sink = createFileSink({ path, folder, bytesMax: Number(bytesMax), keep: 1_000 });
const batch = 40;
// Past a limit on the size of files, a write fails as on a full disk.
process.on('SIGXFSZ', () => undefined);

for (let next = Number(from); ; ) {
  try {
    await sink.send(exportRows(next, next + batch - 1), new AbortController().signal);
    next += batch;
    process.stdout.write(`${next - 1}\n`);
  } catch (error) {
    process.stdout.write(`failed: ${error instanceof Error ? error.message : ''}\n`);
    await delay(20);
  }
}
