import type { ConfigurationDocument } from '@sallyport/shared/configuration/documents';
import { errorCodes, SallyportError } from '@sallyport/shared/errors';
import { measureEffect, shareOf } from '../../releases/blast-radius.ts';
import { releaseSettings } from '../../releases/settings.ts';
import {
  findBundle,
  liveVersion,
  newestVersion,
  readDocumentsOf,
  versionBeforeSteps,
} from '../../store/configuration.ts';
import { type Executor, read, readSnapshot } from '../../store/database.ts';
import type { MeasuredEffect } from '../../store/schema/index.ts';
import type { AdminContext } from '../context.ts';
import { conflict } from '../http/problems.ts';
import { type CheckedSet, checkChange } from './check.ts';
import type { SetChange } from './next-set.ts';
import { readReturn } from './read-return.ts';

/**
 * What takes long is done before the transaction that makes a version, and believed in it only where
 * it is about the same two sets.
 */
export interface Prepared {
  readonly live: number | null;
  readonly bundle: Uint8Array;
  /** null: it was not asked for. */
  readonly affected: MeasuredEffect | null;
}

/** Who would lose access was measured against another version than the one that is live now. */
class OutdatedError extends Error {}

const attemptsMax = 3;

/** Prepares and runs a write, and again where another version went live in between. */
export async function withPrepared<T>(
  prepareOnce: () => Promise<Prepared | null>,
  run: (prepared: Prepared | null) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; attempt <= attemptsMax; attempt += 1) {
    try {
      return await run(await prepareOnce());
    } catch (error) {
      if (!(error instanceof OutdatedError)) throw error;
    }
  }
  throw conflict('other versions went live meanwhile; try again');
}

/** What was measured for these two sets. */
export function effectOf(
  prepared: Prepared | null,
  live: number | null,
  bundle: Uint8Array,
): MeasuredEffect {
  const same = prepared?.live === live && Buffer.compare(prepared.bundle, bundle) === 0;
  if (!same || prepared.affected === null) throw new OutdatedError();
  return prepared.affected;
}

/** Prepares a change of the live set. null: it will be refused, and there said why. */
export async function prepareChange(
  context: AdminContext,
  change: SetChange,
): Promise<Prepared | null> {
  return unlessRefused(async () => (await examine(context, change, 'where_limited')).prepared);
}

/** Prepares going back to a version; null also where nobody has to approve that. */
export async function prepareReturn(
  context: AdminContext,
  toVersion: number,
): Promise<Prepared | null> {
  return unlessRefused(async () => {
    const { change, unconditional } = await readSnapshot(context.database, (db) =>
      readReturn(db, toVersion),
    );
    if (unconditional) return null;
    return (await examine(context, change, 'where_limited')).prepared;
  });
}

async function unlessRefused(prepare: () => Promise<Prepared | null>): Promise<Prepared | null> {
  try {
    return await prepare();
  } catch (error) {
    if (error instanceof SallyportError && errorCodes[error.code].status < 500) return null;
    throw error;
  }
}

interface Examined {
  readonly checked: CheckedSet;
  readonly prepared: Prepared;
  /** The number that the next version has. */
  readonly next: number;
}

/** Checks a change and measures what it does, without a trace. */
export async function examine(
  context: AdminContext,
  change: SetChange,
  measure: 'always' | 'where_limited',
): Promise<Examined> {
  const nowMs = context.clock();
  const { checked, next } = await readSnapshot(context.database, async (db) => ({
    checked: await checkChange(db, change, nowMs),
    next: (await newestVersion(db)) + 1,
  }));
  const { live, liveDocuments, documents, changes, bundle } = checked;
  const matters = live !== null && changes.length > 0;
  const affected = matters ? await affectedBy(context, liveDocuments, documents, measure) : null;
  return { checked, prepared: { live, bundle, affected }, next };
}

/** Prepares the release of a version that is there. */
export async function prepareVersion(
  context: AdminContext,
  version: number,
): Promise<Prepared | null> {
  const found = await readSnapshot(context.database, async (db) => {
    const live = await liveVersion(db);
    const bundle = await findBundle(db, version);
    if (live === null || bundle === null) return null;
    return {
      live,
      bundle,
      liveDocuments: await readDocumentsOf(db, live),
      documents: await readDocumentsOf(db, version),
    };
  });
  if (found === null) return null;
  const { live, bundle, liveDocuments, documents } = found;
  const affected = await affectedBy(context, liveDocuments, documents, 'where_limited');
  return { live, bundle, affected };
}

type Documents = readonly ConfigurationDocument[];

async function affectedBy(
  { database, usersAffected, clock }: AdminContext,
  live: Documents,
  candidate: Documents,
  measure: 'always' | 'where_limited',
): Promise<MeasuredEffect | null> {
  const { blastRadius } = releaseSettings(live);
  if (measure === 'where_limited' && blastRadius.limit === null) return null;
  const nowMs = clock();
  return read(database, async (db) => {
    const by = (before: Documents) =>
      measureEffect(db, usersAffected, before, candidate, blastRadius, nowMs);
    const effect = await by(live);
    // What takes nothing from anybody is no step.
    if (effect.lose === 0) return effect;
    const start = await readDocumentsBeforeSteps(db, nowMs - blastRadius.windowMs);
    if (start === null) return effect;
    const since = await by(start);
    return shareOf(since) > shareOf(effect) ? since : effect;
  });
}

/**
 * The documents that were live when the window began, or that another person approved since: many
 * small steps of one person count together. null: those are live.
 */
async function readDocumentsBeforeSteps(db: Executor, sinceMs: number): Promise<Documents | null> {
  const live = await liveVersion(db);
  const start = live === null ? null : await versionBeforeSteps(db, live, sinceMs);
  return start === null || start === live ? null : readDocumentsOf(db, start);
}
