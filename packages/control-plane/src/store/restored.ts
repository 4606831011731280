import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@sallyport/shared/log';
import type { Database } from './database.ts';
import { raiseEpochIn } from './epoch.ts';
import { takeOverServer } from './server-identity.ts';
import { type Actor, type WriteTx, write } from './write.ts';

/** What infra/backup/restore.sh leaves behind: one line, why. */
const restoredFile = 'restored';

const reasonCharactersMax = 512;

const actor: Actor = {
  kind: 'system',
  id: 'restore',
  label: 'restore of a backup',
  requestId: '',
  sourceAddress: '',
};

/**
 * Declares a restore that was made into this home, before anybody is served, so that it cannot be
 * forgotten. The server that it was made on is that of the history from then on: one epoch is enough
 * for both. The mark goes once it is done; where that fails, the next start declares it once more.
 * Fails like `write`.
 */
export async function declareRestored(
  home: string,
  database: Database,
  nowMs: number,
  log: Log,
): Promise<void> {
  const file = join(home, restoredFile);
  let reason: string;
  try {
    reason = (await readFile(file, 'utf8')).trim().slice(0, reasonCharactersMax);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  const action = { verb: 'raise', resource: 'epoch' };
  const body = async (tx: WriteTx) => {
    await takeOverServer(tx);
    return raiseEpochIn(tx, { reason });
  };
  const { result } = await write(database, actor, action, body, { nowMs, urgent: true });
  const { epoch } = result;
  log.info('epoch.raised', { epoch, reason });
  await rm(file, { force: true });
}
