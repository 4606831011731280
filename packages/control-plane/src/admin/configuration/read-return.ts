import {
  findVersionSummary,
  liveVersion,
  readDocumentsOf,
  readLiveDocuments,
} from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { contradiction, notFound } from '../http/problems.ts';
import { weakensGuards } from './guards.ts';
import type { SetChange } from './next-set.ts';

/** What going back to a version changes. */
export async function readReturn(
  db: Executor,
  toVersion: number,
): Promise<{ readonly change: SetChange; readonly unconditional: boolean }> {
  const target = await findVersionSummary(db, toVersion);
  if (target === null) throw notFound();
  if (target.state !== 'released') {
    throw contradiction('/toVersion', `version ${toVersion} was never released to every edge`);
  }
  const given = await readDocumentsOf(db, toVersion);
  const live = await liveVersion(db);
  const current = live === null ? null : await findVersionSummary(db, live);
  return {
    change: { given, deleted: [], prune: true },
    unconditional:
      current?.base === toVersion && !weakensGuards(await readLiveDocuments(db), given),
  };
}
