import type { ConfigurationDocument, Kind } from '@sallyport/shared/configuration/documents';
import { index, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, count, instant } from './columns.ts';

export interface DocumentChange {
  readonly kind: Kind;
  readonly name: string;
  readonly change: 'created' | 'updated' | 'deleted';
}

/** Immutable, numbered from 1 without gaps. */
export const configurationVersions = pgTable('configuration_versions', {
  version: count('version').primaryKey(),
  author: text('author').notNull(),
  message: text('message').notNull(),
  changes: jsonb('changes').$type<readonly DocumentChange[]>().notNull(),
  /** Canonical JSON as it went out, built-in documents included. */
  bundle: bytea('bundle').notNull(),
  bundleSha256: bytea('bundle_sha256').notNull(),
  createdAtMs: instant('created_at_ms').notNull(),
});

/** A document is part of every version from `from_version` up to, not including, `until_version`. */
export const configurationDocuments = pgTable(
  'configuration_documents',
  {
    kind: text('kind').$type<Kind>().notNull(),
    name: text('name').notNull(),
    fromVersion: count('from_version')
      .notNull()
      .references(() => configurationVersions.version),
    /** null: it is in the live set. */
    untilVersion: count('until_version').references(() => configurationVersions.version),
    document: jsonb('document').$type<ConfigurationDocument>().notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.kind, table.name, table.fromVersion] }),
    index('configuration_documents_until').on(table.untilVersion),
  ],
);

/** Which version the edges of a ring decide by. */
export const releases = pgTable('releases', {
  ring: text('ring').primaryKey(),
  version: count('version')
    .notNull()
    .references(() => configurationVersions.version),
  releasedAtMs: instant('released_at_ms').notNull(),
});
