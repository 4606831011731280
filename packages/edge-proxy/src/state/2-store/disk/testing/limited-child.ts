import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createLog } from '@sallyport/shared/log';
import { parseKeyFile } from '@sallyport/shared/seal';
import { StateDisk } from '../state-disk.ts';
import { at, frameOf, hex, revokeOpsAt, sampleEdgeId, sampleRoot } from './sample-disk.ts';

/**
 * An edge's disk that is told what to do line by line, so that a test can take away and give back
 * room between two lines. Answers each line with one of JSON.
 */
const home = process.argv[2] ?? '';
// Without a listener the kernel's signal for a file that may not grow would end the process.
process.on('SIGXFSZ', () => undefined);
const events: string[] = [];
const { disk, loaded } = await StateDisk.open({
  home,
  edgeId: sampleEdgeId,
  rootPublicKey: sampleRoot,
  key: parseKeyFile(readFileSync(join(home, 'local.key'), 'utf8')),
  nowMs: Date.now,
  log: createLog('info', {}, (line) => events.push((JSON.parse(line) as { event: string }).event)),
});

const { revoke } = loaded.tables;
let rev = loaded.lanes.revoke.position?.rev ?? 0;
const results: string[] = [];

async function run(command: string): Promise<void> {
  const [name, count] = command.split(' ');
  if (name === 'replace') await disk.replaced('revoke', at(rev), null);
  if (name === 'settle') await disk.settled();
  if (name === 'close') await disk.close();
  for (let left = name === 'append' ? Number(count) : 0; left > 0; left -= 1) {
    rev += 1;
    revoke.apply(revokeOpsAt(rev));
    disk.asOf('revoke', rev);
    results.push(disk.append(frameOf('revoke', rev, revokeOpsAt(rev))));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  await run(line);
  const { failing, errorsTotal, lanes } = disk.status();
  const answer = { rev, digest: hex(revoke.digest()), results: results.splice(0), events };
  const text = JSON.stringify({ ...answer, failing, errorsTotal, stored: lanes.revoke.stored });
  writeSync(1, `${text}\n`);
}
