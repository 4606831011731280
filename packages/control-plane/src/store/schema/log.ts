import type { Lane } from '@sallyport/shared/state/model';
import { index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytea, count, instant } from './columns.ts';

/**
 * The newest revision of each lane. A writer updates the row as the last thing it does, so that
 * the row's lock makes revisions visible in their order. Locked in the order of `lanes`.
 */
export const laneHeads = pgTable('lane_heads', {
  lane: text('lane').$type<Lane>().primaryKey(),
  epoch: count('epoch').notNull(),
  rev: count('rev').notNull(),
});

/** Every revision of every lane, without a gap from the oldest that is kept. */
export const changeLog = pgTable(
  'change_log',
  {
    lane: text('lane').$type<Lane>().notNull(),
    epoch: count('epoch').notNull(),
    rev: count('rev').notNull(),
    prevRev: count('prev_rev').notNull(),
    /** An encoded `Ops` message: the same bytes go out from every replica. */
    body: bytea('body').notNull(),
    writtenAtMs: instant('written_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.lane, table.epoch, table.rev] }),
    index('change_log_age').on(table.writtenAtMs),
  ],
);

/** Where each epoch but the first goes on from: the last position of the epoch before. */
export const laneEpochs = pgTable(
  'lane_epochs',
  {
    lane: text('lane').$type<Lane>().notNull(),
    epoch: count('epoch').notNull(),
    forkedEpoch: count('forked_epoch').notNull(),
    forkedRev: count('forked_rev').notNull(),
    reason: text('reason').notNull(),
    atMs: instant('at_ms').notNull(),
  },
  (table) => [primaryKey({ columns: [table.lane, table.epoch] })],
);

/** One row: the server that this history was last written on. Another one may have lost a part. */
export const databaseIdentity = pgTable('database_identity', {
  id: integer('id').primaryKey(),
  systemIdentifier: text('system_identifier').notNull(),
  timeline: count('timeline').notNull(),
  seenAtMs: instant('seen_at_ms').notNull(),
});
