import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '@sallyport/shared/log';
import type { Database } from './database.ts';
import { raiseEpoch } from './epoch.ts';
import type { Actor } from './write.ts';

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
 * forgotten. The mark goes once it is done; a second time does no harm.
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
  const { epoch } = await raiseEpoch(database, { reason, actor, nowMs });
  log.info('epoch.raised', { epoch, reason });
  await rm(file, { force: true });
}
