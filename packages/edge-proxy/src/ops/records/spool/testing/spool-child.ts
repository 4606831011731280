import { writeSync } from 'node:fs';
import { createLog } from '@sallyport/shared/log';
import { parseKeyFile } from '@sallyport/shared/seal';
import { RecordSpool } from '../spool.ts';
import { linesOf } from './sample-spool.ts';

/** Writes numbered records to a spool without end, and says of each block that it is written. */
const [home = '', keyText = '', first = '0'] = process.argv.slice(2);
const spool = await RecordSpool.open({
  home,
  edgeId: 'edg_test',
  key: parseKeyFile(keyText),
  bytesMax: 2 ** 28,
  log: createLog('error'),
});
const filler = 'x'.repeat(2_000);
for (let at = Number(first); ; at += 1) {
  const texts = [`${at}`, ...Array<string>(16).fill(filler)];
  const appended = await spool.append([linesOf(texts, at % 3 === 0)]);
  writeSync(1, `${appended?.kind} ${at}\n`);
}
