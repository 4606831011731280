import type { SignalSubject } from '@sallyport/shared/state/model';
import { index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** What was noticed of a subject; one row a name, the newest. Each is a row of the lane. */
export const signals = pgTable(
  'signals',
  {
    subject: text('subject').$type<SignalSubject>().notNull(),
    subjectId: text('subject_id').notNull(),
    name: text('name').notNull(),
    value: text('value').notNull(),
    observedAtMs: instant('observed_at_ms').notNull(),
    expiresAtMs: instant('expires_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.subject, table.subjectId, table.name] }),
    index('signals_expiry').on(table.expiresAtMs),
  ],
);
