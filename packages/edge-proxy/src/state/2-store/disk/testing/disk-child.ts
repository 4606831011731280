import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createLog } from '@sallyport/shared/log';
import { parseKeyFile } from '@sallyport/shared/seal';
import { StateDisk } from '../state-disk.ts';
import { at, frameOf, revokeOpsAt, sampleEdgeId, sampleRoot } from './sample-disk.ts';

/**
 * Writes revisions of the revoke lane without end and says each one when it is written, until it is
 * killed. Every so often all shards are replaced, and checkpoints come as often as can be.
 */
const home = process.argv[2] ?? '';
const { disk, loaded } = await StateDisk.open({
  home,
  edgeId: sampleEdgeId,
  rootPublicKey: sampleRoot,
  key: parseKeyFile(readFileSync(join(home, 'local.key'), 'utf8')),
  nowMs: Date.now,
  log: createLog('error'),
  limits: { checkpointBytesMin: 4_000, checkpointBytesMax: 4_000, journalBytesMax: 2 ** 26 },
});

// The disk's own timers keep no process alive.
setInterval(() => undefined, 1_000);
const { revoke } = loaded.tables;
let rev = loaded.lanes.revoke.position?.rev ?? 0;
const say = (line: string): void => void writeSync(1, `${line}\n`);
say(`open ${rev} ${loaded.problems.filter(({ code }) => code !== 'journal_cut').length}`);
if (loaded.lanes.revoke.position === null) await disk.replaced('revoke', at(0), null);

for (;;) {
  rev += 1;
  revoke.apply(revokeOpsAt(rev));
  if (rev % 97 === 0) {
    await disk.replaced('revoke', at(rev), null);
    say(`stored ${rev}`);
  } else {
    const result = disk.append(frameOf('revoke', rev, revokeOpsAt(rev)));
    say(`${result} ${rev}`);
  }
  disk.asOf('revoke', rev);
  await new Promise((resolve) => setTimeout(resolve, 1));
}
