import type { StalenessBudgets } from '@sallyport/policy';
import type { ConfigurationDocument, Kind } from '@sallyport/shared/configuration/documents';
import { nameOf } from '@sallyport/shared/configuration/set';
import type { PutBundle } from '@sallyport/shared/state/model';
import { and, asc, desc, eq, gt, inArray, isNull, lt, lte, max, or, sql } from 'drizzle-orm';
import type { Executor } from './database.ts';
import type { PageRequest } from './paging.ts';
import {
  configurationDocuments,
  configurationVersions,
  type DocumentChange,
  releases,
} from './schema/index.ts';

export type VersionRow = typeof configurationVersions.$inferSelect;

/** Makes appliers take turns until the transaction ends: each starts from the set before it. */
export async function holdConfiguration(db: Executor): Promise<void> {
  await db.execute(sql`select pg_advisory_xact_lock(hashtext('sallyport.configuration'))`);
}

/** The number of the newest version; 0: there is none yet. */
export async function newestVersion(db: Executor): Promise<number> {
  const [row] = await db
    .select({ version: max(configurationVersions.version) })
    .from(configurationVersions);
  return row?.version ?? 0;
}

/** The documents of the live set, by kind and name. */
export async function readLiveDocuments(db: Executor): Promise<ConfigurationDocument[]> {
  const rows = await db
    .select({ document: configurationDocuments.document })
    .from(configurationDocuments)
    .where(isNull(configurationDocuments.untilVersion))
    .orderBy(asc(configurationDocuments.kind), asc(configurationDocuments.name));
  return rows.map((row) => row.document);
}

/** The documents of one version as they were applied, by kind and name. */
export async function readDocumentsOf(
  db: Executor,
  version: number,
): Promise<ConfigurationDocument[]> {
  const rows = await db
    .select({ document: configurationDocuments.document })
    .from(configurationDocuments)
    .where(
      and(
        lte(configurationDocuments.fromVersion, version),
        or(
          isNull(configurationDocuments.untilVersion),
          gt(configurationDocuments.untilVersion, version),
        ),
      ),
    )
    .orderBy(asc(configurationDocuments.kind), asc(configurationDocuments.name));
  return rows.map((row) => row.document);
}

/** A version without the bytes that went out. */
export type VersionSummary = Omit<VersionRow, 'bundle' | 'bundleSha256'>;

const summary = {
  version: configurationVersions.version,
  author: configurationVersions.author,
  message: configurationVersions.message,
  changes: configurationVersions.changes,
  createdAtMs: configurationVersions.createdAtMs,
};

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

/** What a route or the settings say of the age of the state, and in which versions. */
export interface WrittenBudgets {
  readonly kind: Kind;
  /** null: in the live set, too. */
  readonly untilVersion: number | null;
  /** null: nothing. */
  readonly staleness: StalenessBudgets | null;
}

/** Of all routes and settings in this version or a later one. */
export async function readBudgetsSince(db: Executor, version: number): Promise<WrittenBudgets[]> {
  const { kind, untilVersion, document } = configurationDocuments;
  return db
    .select({
      kind,
      untilVersion,
      staleness: sql<StalenessBudgets | null>`${document} #> '{spec,staleness}'`,
    })
    .from(configurationDocuments)
    .where(
      and(
        inArray(kind, ['Route', 'Settings']),
        or(isNull(untilVersion), gt(untilVersion, version)),
      ),
    );
}

/** Writes a version and moves the live set to it. Under `holdConfiguration`. */
export async function insertVersion(
  db: Executor,
  row: VersionRow,
  documents: readonly ConfigurationDocument[],
): Promise<void> {
  await db.insert(configurationVersions).values(row);
  for (const { kind, name, change } of row.changes) {
    if (change !== 'created') await closeDocument(db, kind, name, row.version);
  }
  const written = row.changes.filter((change) => change.change !== 'deleted');
  const byName = new Map(documents.map((document) => [nameOf(document), document]));
  for (let at = 0; at < written.length; at += rowsPerInsert) {
    await db
      .insert(configurationDocuments)
      .values(
        written
          .slice(at, at + rowsPerInsert)
          .map((change) => documentRow(change, byName, row.version)),
      );
  }
}

const rowsPerInsert = 500;

function documentRow(
  { kind, name }: DocumentChange,
  documents: ReadonlyMap<string, ConfigurationDocument>,
  fromVersion: number,
): typeof configurationDocuments.$inferInsert {
  const document = documents.get(`${kind}/${name}`);
  if (document === undefined) throw new Error(`${kind} ${name} is not in the set`);
  return { kind, name, fromVersion, document };
}

async function closeDocument(
  db: Executor,
  kind: Kind,
  name: string,
  version: number,
): Promise<void> {
  await db
    .update(configurationDocuments)
    .set({ untilVersion: version })
    .where(
      and(
        eq(configurationDocuments.kind, kind),
        eq(configurationDocuments.name, name),
        isNull(configurationDocuments.untilVersion),
      ),
    );
}

export async function putRelease(
  db: Executor,
  ring: string,
  version: number,
  nowMs: number,
): Promise<void> {
  await db
    .insert(releases)
    .values({ ring, version, releasedAtMs: nowMs })
    .onConflictDoUpdate({ target: releases.ring, set: { version, releasedAtMs: nowMs } });
}

/** Beside those that are released, so that an edge compiles a rollback before it is asked to. */
const newestInLane = 4;

/** The versions that are rows of the `config` lane: those released and the newest few, sorted. */
export async function versionsInLane(db: Executor): Promise<number[]> {
  const rows = await db
    .select({ version: configurationVersions.version })
    .from(configurationVersions)
    .where(
      or(
        inArray(
          configurationVersions.version,
          db.select({ version: releases.version }).from(releases),
        ),
        gt(configurationVersions.version, (await newestVersion(db)) - newestInLane),
      ),
    )
    .orderBy(asc(configurationVersions.version));
  return rows.map((row) => row.version);
}

export function bundleOp(
  version: number,
  sha256: Uint8Array,
  documentsJson: Uint8Array,
): PutBundle {
  return { op: 'bundle', version, sha256, documentsJson };
}
