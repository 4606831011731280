import type {
  ConfigurationDocument,
  ConfigurationSet,
} from '@sallyport/shared/configuration/documents';
import { isBuiltIn } from '@sallyport/shared/configuration/set';
import { desc, eq, getTableColumns, gte, lt, max, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import type { PageRequest } from './paging.ts';
import { defaultRing, versionsInLane } from './releases.ts';
import { configurationVersions, releases } from './schema/index.ts';

export type VersionRow = typeof configurationVersions.$inferSelect;

/** Makes appliers take turns until the transaction ends: each starts from the set before it. */
export async function holdConfiguration(db: Executor): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(hashtext('sallyport.configuration'))`);
}

/** The number of the newest version, whatever became of it; 0: there is none yet. */
export async function newestVersion(db: Executor): Promise<number> {
  const [row] = await db
    .select({ version: max(configurationVersions.version) })
    .from(configurationVersions);
  return row?.version ?? 0;
}

/** What every edge decides by that no rollout has taken further; null: nothing yet. */
export async function liveVersion(db: Executor): Promise<number | null> {
  const [row] = await db
    .select({ version: releases.version })
    .from(releases)
    .where(eq(releases.ring, defaultRing));
  return row?.version ?? null;
}

/** The documents of the live version, by kind and name. */
export async function readLiveDocuments(db: Executor): Promise<ConfigurationDocument[]> {
  const version = await liveVersion(db);
  return version === null ? [] : readDocumentsOf(db, version);
}

/** The documents of every version that is in the lane or waits for its approval. */
export async function readDocumentsInUse(db: Executor): Promise<ConfigurationDocument[]> {
  const proposed = await db
    .select({ version: configurationVersions.version })
    .from(configurationVersions)
    .where(eq(configurationVersions.state, 'proposed'))
    .orderBy(desc(configurationVersions.version))
    .limit(proposedMax);
  const versions = [...(await versionsInLane(db)), ...proposed.map(({ version }) => version)];
  const found: ConfigurationDocument[] = [];
  for (const version of versions) found.push(...(await readDocumentsOf(db, version)));
  return found;
}

/** Older ones have to be applied again anyway: their base is not live any more. */
const proposedMax = 20;

/** The documents of one version as they were applied, by kind and name; none: no such version. */
export async function readDocumentsOf(
  db: Executor,
  version: number,
): Promise<ConfigurationDocument[]> {
  const bundle = await findBundle(db, version);
  return bundle === null ? [] : documentsOf(bundle);
}

/** A version as it goes out, or null. */
export async function findBundle(db: Executor, version: number): Promise<Uint8Array | null> {
  const [row] = await db
    .select({ bundle: configurationVersions.bundle })
    .from(configurationVersions)
    .where(eq(configurationVersions.version, version));
  return row?.bundle ?? null;
}

/** What was checked when it was written is not held to the schemas of today. */
function documentsOf(bundle: Uint8Array): ConfigurationDocument[] {
  const { documents } = JSON.parse(new TextDecoder().decode(bundle)) as ConfigurationSet;
  return documents.filter((document) => !isBuiltIn(document));
}

/** A version without the bytes that go out. */
export type VersionSummary = Omit<VersionRow, 'bundle' | 'bundleSha256'>;

const { bundle: _, bundleSha256: __, ...summary } = getTableColumns(configurationVersions);

export async function findVersionSummary(
  db: Executor,
  version: number,
): Promise<VersionSummary | null> {
  const [row] = await db
    .select(summary)
    .from(configurationVersions)
    .where(eq(configurationVersions.version, version));
  return row ?? null;
}

/** Versions, newest first; the cursor's instant is a version's number. */
export async function listVersions(db: Executor, page: PageRequest): Promise<VersionSummary[]> {
  return db
    .select(summary)
    .from(configurationVersions)
    .where(page.after === null ? undefined : lt(configurationVersions.version, page.after[0]))
    .orderBy(desc(configurationVersions.version))
    .limit(page.limit + 1);
}

/** When the newest versions were made, newest first. */
export async function newestVersionTimes(
  db: Executor,
  limit: number,
): Promise<Pick<VersionRow, 'version' | 'createdAtMs'>[]> {
  const { version, createdAtMs } = configurationVersions;
  return db
    .select({ version, createdAtMs })
    .from(configurationVersions)
    .orderBy(desc(version))
    .limit(limit);
}

/**
 * After which time every edge that decides by this version or a later one has closed, milliseconds;
 * Infinity: some never do.
 */
export async function longestToClose(db: Executor, sinceVersion: number): Promise<number> {
  const { version, closesAfterMs } = configurationVersions;
  const [row] = await db
    .select({
      longest: max(closesAfterMs),
      never: sql<boolean>`coalesce(bool_or(${closesAfterMs} is null), false)`,
    })
    .from(configurationVersions)
    .where(gte(version, sinceVersion));
  if (row === undefined || row.never) return Number.POSITIVE_INFINITY;
  // Without any version an edge lets nobody in.
  return row.longest ?? 0;
}

/**
 * Going back from a version to the one it was made from, and so on: the first that is older than
 * `sinceMs`, or that another person approved.
 */
export async function versionBeforeSteps(
  db: Executor,
  from: number,
  sinceMs: number,
): Promise<number> {
  const { rows } = await db.execute<{ readonly version: number }>(sql`
    with recursive steps as (
      select version, base, created_at_ms, review
      from configuration_versions where version = ${from}
      union all
      select before.version, before.base, before.created_at_ms, before.review
      from configuration_versions before join steps on before.version = steps.base
      where steps.created_at_ms >= ${sinceMs}
        and steps.review ->> 'verdict' is distinct from 'approved'
    )
    select min(version)::float8 as version from steps`);
  return rows[0]?.version ?? from;
}

/** Writes a new version. Under `holdConfiguration`. */
export async function insertVersion(db: Executor, row: VersionRow): Promise<void> {
  await db.insert(configurationVersions).values(row);
}

/** Notes what became of a version. Under `holdConfiguration`. */
export async function markVersion(
  db: Executor,
  version: number,
  change: Partial<Pick<VersionRow, 'state' | 'stateReason' | 'review' | 'affected'>>,
): Promise<void> {
  await db
    .update(configurationVersions)
    .set(change)
    .where(eq(configurationVersions.version, version));
}
