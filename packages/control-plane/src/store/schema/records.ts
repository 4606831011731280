import type { AccessRecord } from '@sallyport/shared/access-record';
import { sql } from 'drizzle-orm';
import { index, inet, json, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { count, instant } from './columns.ts';

/**
 * Access records as the edges wrote them; columns beside the record are those that questions ask
 * for. The table is partitioned by ranges of `id`, one for each day of arrival, which cannot be said
 * here: the migration `record_days` makes it (with `COLLATE "C"` and its storage), and
 * store/records/days.ts makes the days. What is said here are its columns and indexes.
 */
export const accessRecords = pgTable(
  'access_records',
  {
    /** Says when it came in, and rises in the order of commits (store/records/ids.ts). */
    id: count('id').primaryKey(),
    /** When it was, as its edge says; never after it came in. */
    timeMs: instant('time_ms').notNull(),
    configVersion: count('config_version'),
    /** The version that would have decided otherwise; null: none would. */
    shadowVersion: count('shadow_version'),
    edgeId: text('edge_id').notNull(),
    correlationId: text('correlation_id').notNull(),
    userId: text('user_id'),
    userEmail: text('user_email'),
    deviceId: text('device_id'),
    route: text('route'),
    host: text('host').notNull(),
    outcome: text('outcome').notNull(),
    /** The deciding one first. */
    reasons: text('reasons').array().notNull(),
    ruleIds: text('rule_ids').array().notNull(),
    /** A network where the record has no more; null where it has none. */
    sourceAddress: inet('source_address'),
    /** The text that the edge sent. */
    record: json('record').$type<AccessRecord>().notNull(),
  },
  (table) => [
    index('access_records_correlation').on(table.correlationId),
    index('access_records_user').on(table.userId, table.id).where(sql`${table.userId} is not null`),
    index('access_records_device')
      .on(table.deviceId, table.id)
      .where(sql`${table.deviceId} is not null`),
    index('access_records_route').on(table.route, table.id),
    index('access_records_refused')
      .on(table.outcome, table.id)
      .where(sql`${table.outcome} <> 'permit' and ${table.outcome} <> 'own'`),
    index('access_records_shadow')
      .on(table.shadowVersion, table.id)
      .where(sql`${table.shadowVersion} is not null`),
    // Came in more than an hour after it was: few, and looked for apart.
    index('access_records_late')
      .on(table.id)
      .where(sql`(${table.id} >> 11) - ${table.timeMs} > 3600000`),
    index('access_records_time')
      .using('brin', table.timeMs)
      .with({ pages_per_range: 32, autosummarize: true }),
  ],
);

/** One row: the highest id given to an access record. Writers hold it, and so take turns. */
export const accessRecordHead = pgTable('access_record_head', {
  id: count('id').primaryKey(),
});

/** How often requests came near the limits of headers, and how near (store/records/large-headers.ts). */
export const largeHeaders = pgTable(
  'large_headers',
  {
    /** Since 1970-01-01, UTC. */
    day: count('day').notNull(),
    route: text('route').notNull(),
    /** `headers` or `cookies`. */
    what: text('what').notNull(),
    near: count('near').notNull(),
    over: count('over').notNull(),
    mostBytes: count('most_bytes').notNull(),
    /** Of the latest request. */
    limitBytes: count('limit_bytes').notNull(),
    lastSeenAtMs: instant('last_seen_at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.day, table.route, table.what] })],
);

/** How often requests brought what another gate says of a user (store/records/legacy.ts). */
export const legacyIdentities = pgTable(
  'legacy_identities',
  {
    /** Since 1970-01-01, UTC. */
    day: count('day').notNull(),
    route: text('route').notNull(),
    name: text('name').notNull(),
    requests: count('requests').notNull(),
    firstSeenAtMs: instant('first_seen_at_ms').notNull(),
    lastSeenAtMs: instant('last_seen_at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.day, table.route, table.name] })],
);
