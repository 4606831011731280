import { encodeBundle } from '@sallyport/shared/configuration/bundle';
import { SallyportError } from '@sallyport/shared/errors';
import { moveLane } from '../../releases/lane.ts';
import { findToken } from '../../store/admin-tokens.ts';
import {
  findBundle,
  findVersionSummary,
  liveVersion,
  markVersion,
  readDocumentsOf,
  type VersionSummary,
} from '../../store/configuration.ts';
import type { Executor } from '../../store/database.ts';
import { putReleaseEverywhere } from '../../store/releases.ts';
import type { Review } from '../../store/schema/index.ts';
import type { WriteTx } from '../../store/write.ts';
import { conflict, notFound } from '../http/problems.ts';
import { deviceBundle, requireSecrets } from './check.ts';
import { type Author, refuseDuringRollout } from './publish.ts';

/**
 * Approves a version: one that waits for it is released to every edge, a candidate may be rolled out
 * from now on. By somebody else than its author.
 */
export async function approve(
  tx: WriteTx,
  version: number,
  by: Author,
  comment: string,
): Promise<VersionSummary> {
  return moveLane(tx, async () => {
    const row = await findOpen(tx.db, version);
    if (row.review !== null) throw conflict(`version ${version} is approved already`);
    await requireOther(tx.db, row, by);
    await requireCurrent(tx.db, row, tx.nowMs);
    const review = reviewOf('approved', by, comment, tx.nowMs);
    if (row.state === 'proposed') {
      await refuseDuringRollout(tx.db);
      await putReleaseEverywhere(tx.db, version, tx.nowMs);
      await markVersion(tx.db, version, { state: 'released', review });
    } else await markVersion(tx.db, version, { review });
    tx.describe(String(version), { comment, author: row.author });
    return findChanged(tx.db, version);
  });
}

/** Rejects a version that has no effect yet, also one's own. */
export async function reject(
  tx: WriteTx,
  version: number,
  by: Author,
  comment: string,
): Promise<VersionSummary> {
  return moveLane(tx, async () => {
    const row = await findOpen(tx.db, version);
    const review = reviewOf('rejected', by, comment, tx.nowMs);
    const stateReason = comment === '' ? `rejected by ${by.label}` : comment;
    await markVersion(tx.db, version, { state: 'refused', stateReason, review });
    tx.describe(String(version), { comment, author: row.author });
    return findChanged(tx.db, version);
  });
}

/**
 * Whether a version may take the place of the live one: it was made from it, so that nothing is
 * undone that went live since, and what it names and what we add to it is still so.
 */
export async function requireCurrent(
  db: Executor,
  { version, base }: VersionSummary,
  nowMs: number,
): Promise<void> {
  const live = await liveVersion(db);
  if (base !== live) {
    throw conflict(
      `version ${version} was made from ${base ?? 'nothing'}, and ${live ?? 'nothing'} is live ` +
        'now; apply its documents again',
    );
  }
  const documents = await readDocumentsOf(db, version);
  await requireSecrets(db, documents);
  const bundle = encodeBundle([...documents, await deviceBundle(db, nowMs)]);
  if (Buffer.compare(bundle, (await findBundle(db, version)) ?? new Uint8Array()) !== 0) {
    throw conflict('the device authorities have changed since; apply the documents again');
  }
}

async function findOpen(db: Executor, version: number): Promise<VersionSummary> {
  const row = await findVersionSummary(db, version);
  if (row === null) throw notFound();
  if (row.state !== 'proposed' && row.state !== 'candidate') {
    throw conflict(`version ${version} is ${row.state.replace('_', ' ')}`);
  }
  return row;
}

async function findChanged(db: Executor, version: number): Promise<VersionSummary> {
  const row = await findVersionSummary(db, version);
  if (row === null) throw new Error(`version ${version} is gone`);
  return row;
}

/**
 * A token stands for a person. One with the author's name is the author's too. One that was made
 * after the version may be anybody's, however many tokens the author made on the way to it.
 */
async function requireOther(db: Executor, row: VersionSummary, by: Author): Promise<void> {
  const token = await findToken(db, by.id);
  const madeForIt = token === null || token.createdAtMs >= row.createdAtMs;
  const sameName = by.label.trim().toLowerCase() === row.author.trim().toLowerCase();
  if (by.id !== row.authorId && !sameName && !madeForIt) return;
  throw new SallyportError('forbidden', 'a version is approved by somebody else than its author');
}

function reviewOf(
  verdict: Review['verdict'],
  { id, label }: Author,
  comment: string,
  atMs: number,
): Review {
  return { verdict, byId: id, by: label, comment, atMs };
}
