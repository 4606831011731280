import type { Lane, Position } from '@sallyport/shared/state/model';
import { jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** What each replica last said of itself: for sending an edge to one that is further, and people. */
export const replicas = pgTable('replicas', {
  name: text('name').primaryKey(),
  seenAtMs: instant('seen_at_ms').notNull(),
  heads: jsonb('heads').$type<{ readonly [lane in Lane]?: Position }>().notNull(),
});
