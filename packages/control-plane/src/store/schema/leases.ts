import { pgTable, text, timestamp } from 'drizzle-orm/pg-core';
import { count } from './columns.ts';

/** Who may run a job of which there is one at a time. Instants are of the database's own clock. */
export const leases = pgTable('leases', {
  name: text('name').primaryKey(),
  /** Name of the replica, for people. */
  holder: text('holder').notNull(),
  /** Rises with each holder: what an earlier one still sends is refused by it. */
  fence: count('fence').notNull(),
  expiresAt: timestamp('expires_at', { withTimezone: true }).notNull(),
});
