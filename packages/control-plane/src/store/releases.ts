import type { PutBundle, Release } from '@sallyport/shared/state/model';
import { asc, eq, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import { configurationVersions, releases } from './schema/index.ts';

/** What an edge follows whose own ring has no release. */
export const defaultRing = 'default';

export type ReleaseRow = typeof releases.$inferSelect;

/** The releases of all rings that ever had one, by name. */
export async function readReleases(db: Executor): Promise<ReleaseRow[]> {
  return db.select().from(releases).orderBy(asc(releases.ring));
}

/**
 * Releases a version to a ring. What the ring decides besides goes on, unless it is this version.
 * Under `holdConfiguration`, as part of `moveLane`.
 */
export async function putRelease(
  db: Executor,
  ring: string,
  version: number,
  nowMs: number,
): Promise<void> {
  await db
    .insert(releases)
    .values({ ring, version, releasedAtMs: nowMs })
    .onConflictDoUpdate({
      target: releases.ring,
      set: {
        version,
        releasedAtMs: nowMs,
        shadowVersion: sql`nullif(${releases.shadowVersion}, ${version}::bigint)`,
      },
    });
}

/** Releases a version to every ring: all edges, whatever their labels. */
export async function putReleaseEverywhere(
  db: Executor,
  version: number,
  nowMs: number,
): Promise<void> {
  const rings = (await readReleases(db)).map(({ ring }) => ring);
  for (const ring of new Set([defaultRing, ...rings])) await putRelease(db, ring, version, nowMs);
}

/** Beside those in use, so that an edge has compiled a version before it is asked to follow it. */
const newestReleased = 3;
const newestCandidates = 3;

/**
 * The versions that are rows of the `config` lane, sorted: those that rings follow or decide
 * besides, those of a rollout under way, the newest few that were released, the newest candidates.
 */
export async function versionsInLane(db: Executor): Promise<number[]> {
  const { rows } = await db.execute<{ version: string }>(sql`
    select version from releases
    union select shadow_version from releases where shadow_version is not null
    union select unnest(array[version, base]) from rollouts where ended_at_ms is null
    union (select version from configuration_versions where state = 'released'
      order by version desc limit ${newestReleased})
    union (select version from configuration_versions where state = 'candidate'
      order by version desc limit ${newestCandidates})
    order by 1`);
  return rows.map(({ version }) => Number(version));
}

/** A version as it goes out. */
export async function bundleOf(db: Executor, version: number): Promise<PutBundle> {
  const [row] = await db
    .select({ bundle: configurationVersions.bundle, sha256: configurationVersions.bundleSha256 })
    .from(configurationVersions)
    .where(eq(configurationVersions.version, version));
  if (row === undefined) throw new Error(`version ${version} is gone`);
  return { op: 'bundle', version, sha256: row.sha256, documentsJson: row.bundle };
}

/** A release as it goes out. */
export function releaseOp({ ring, version, shadowVersion }: ReleaseRow): Release {
  return { op: 'release', ring, version, shadowVersion };
}
