import type { AccessRecord } from '@sallyport/shared/access-record';
import { sql } from 'drizzle-orm';
import { bigserial, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { count, instant } from './columns.ts';

/**
 * Access records as the edges wrote them; columns beside the record are those that questions ask
 * for. `id` rises in the order of commits, because writers take turns (store/access-records.ts).
 */
export const accessRecords = pgTable(
  'access_records',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    correlationId: text('correlation_id').notNull(),
    edgeId: text('edge_id').notNull(),
    timeMs: instant('time_ms').notNull(),
    userId: text('user_id'),
    userEmail: text('user_email'),
    sid: text('sid'),
    deviceId: text('device_id'),
    route: text('route'),
    host: text('host').notNull(),
    outcome: text('outcome').notNull(),
    record: jsonb('record').$type<AccessRecord>().notNull(),
    /** The version that would have decided otherwise; null: none would. */
    shadowVersion: count('shadow_version'),
    receivedAtMs: instant('received_at_ms').notNull(),
  },
  (table) => [
    uniqueIndex('access_records_correlation').on(table.correlationId, table.edgeId),
    index('access_records_user').on(table.userId, table.id),
    index('access_records_email').on(table.userEmail, table.id),
    index('access_records_device').on(table.deviceId, table.id),
    index('access_records_route').on(table.route, table.id),
    index('access_records_host').on(table.host, table.id),
    index('access_records_received').on(table.receivedAtMs),
    index('access_records_shadow')
      .on(table.shadowVersion, table.id)
      .where(sql`${table.shadowVersion} is not null`),
  ],
);
