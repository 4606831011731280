import { sql } from 'drizzle-orm';
import { index, integer, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { count, instant } from './columns.ts';

/** How far each export has sent each kind of rows; webhooks are `webhook:<name>`. */
export const exportCursors = pgTable(
  'export_cursors',
  {
    sink: text('sink').notNull(),
    what: text('what').notNull(),
    /** Id of the last row that was sent. */
    position: count('position').notNull(),
    /** Id of the newest row that was there when somebody looked. */
    known: count('known').notNull(),
    /** Rows that retention removed before they were sent, at the most; of records, how often. */
    missed: count('missed').notNull(),
    /** null: the last attempt went well. */
    failingSinceMs: instant('failing_since_ms'),
    failure: text('failure'),
    updatedAtMs: instant('updated_at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.sink, table.what] })],
);

export const deliveryStates = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

/** One event for one webhook. `dead`: it was not taken in time, and nobody tries any more. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    /** The `webhook-id` of all its attempts. */
    id: text('id').primaryKey(),
    webhook: text('webhook').notNull(),
    type: text('type').notNull(),
    /** JSON as it is sent and signed. */
    body: text('body').notNull(),
    state: text('state').$type<DeliveryState>().notNull(),
    attempts: integer('attempts').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
    nextAtMs: instant('next_at_ms').notNull(),
    giveUpAtMs: instant('give_up_at_ms').notNull(),
    /** Of the last attempt; null: there was no answer, or no attempt yet. */
    lastStatus: integer('last_status'),
    lastFailure: text('last_failure'),
    /** When it was delivered or given up. */
    settledAtMs: instant('settled_at_ms'),
  },
  (table) => [
    uniqueIndex('webhook_deliveries_page').on(table.createdAtMs, table.id),
    index('webhook_deliveries_due')
      .on(table.webhook, table.nextAtMs)
      .where(sql`${table.state} = 'pending'`),
    index('webhook_deliveries_settled').on(table.settledAtMs),
  ],
);
