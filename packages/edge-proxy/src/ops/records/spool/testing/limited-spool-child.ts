import { writeSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createLog } from '@sallyport/shared/log';
import { parseKeyFile } from '@sallyport/shared/seal';
import { RecordSpool } from '../spool.ts';
import { linesOf, readAll, textsOf } from './sample-spool.ts';

/**
 * A spool that is told what to do line by line, so that a test can take away and give back room
 * between two lines. Answers each line with one of JSON.
 */
const [home = '', keyText = ''] = process.argv.slice(2);
// Without a listener the kernel's signal for a file that may not grow would end the process.
process.on('SIGXFSZ', () => undefined);
const events: string[] = [];
const spool = await RecordSpool.open({
  home,
  edgeId: 'edg_test',
  key: parseKeyFile(keyText),
  bytesMax: 2 ** 28,
  log: createLog('info', {}, (line) => events.push((JSON.parse(line) as { event: string }).event)),
});
const filler = 'x'.repeat(4_000);

async function run(command: string): Promise<unknown> {
  const [name, text = ''] = command.split(' ');
  if (name === 'append') return (await spool.append([linesOf([text, filler])]))?.kind ?? null;
  const blocks = await readAll(spool);
  return blocks.map((block) => textsOf(block)[0]);
}

for await (const line of createInterface({ input: process.stdin })) {
  const result = await run(line);
  const { failing, droppedTotal, damagedTotal } = spool;
  writeSync(1, `${JSON.stringify({ result, failing, droppedTotal, damagedTotal, events })}\n`);
}
await spool.close();
