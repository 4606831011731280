import type { SignalEvent } from '@sallyport/shared/signals/events';
import type { SignalSubject } from '@sallyport/shared/state/model';
import {
  bigserial,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { bytea, count, instant } from './columns.ts';

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

/**
 * What detectors remember of each user. There is one row for everybody who was ever seen lately, so
 * it is kept small: the key is half of a hash of the user's id, and the day's index holds each day
 * once and does not change with every event.
 */
export const userHistories = pgTable(
  'user_histories',
  {
    /** First half of the SHA-256 of the user's id. */
    key: uuid('key').primaryKey(),
    /** Days since 1970, of the newest event. */
    seenDay: integer('seen_day').notNull(),
    /** As shared/signals/history.ts encodes it; empty: nothing yet. */
    history: bytea('history').notNull(),
  },
  (table) => [index('user_histories_seen').on(table.seenDay)],
);

/** Where and when something of a finding was seen. */
export interface EvidencePlace {
  /** Correlation id of a request, or what else the event is known by. */
  readonly id: string;
  readonly atMs: number;
  readonly sourceAddress: string;
  readonly deviceId: string | null;
  readonly country: string | null;
  readonly region: string | null;
  readonly latitude: number | null;
  readonly longitude: number | null;
  readonly asn: number | null;
  readonly egress: string | null;
}

/** What a finding rests on. */
export interface Evidence {
  readonly kind: SignalEvent['kind'];
  readonly here: EvidencePlace;
  /** Where the user was before; null: not known, or of no matter. */
  readonly before: Omit<EvidencePlace, 'id' | 'sourceAddress'> | null;
  /** The session that was there; null: it is over, or of no matter. */
  readonly beforeSid: string | null;
  readonly route: string | null;
}

/** What detectors found. While one counts, it is a signal in the lane. */
export const findings = pgTable(
  'findings',
  {
    id: text('id').primaryKey(),
    /** Rises in the order of commits: writers take turns (store/findings.ts). */
    seq: bigserial('seq', { mode: 'number' }).notNull().unique(),
    detector: text('detector').notNull(),
    subject: text('subject').$type<SignalSubject>().notNull(),
    subjectId: text('subject_id').notNull(),
    userId: text('user_id').notNull(),
    /** Of the event that brought it, as is the session. */
    deviceId: text('device_id'),
    sid: text('sid'),
    reason: text('reason').notNull(),
    score: integer('score').notNull(),
    halfLifeMs: count('half_life_ms').notNull(),
    matter: text('matter').notNull(),
    evidence: jsonb('evidence').$type<Evidence>().notNull(),
    atMs: instant('at_ms').notNull(),
    /** When the same was found last, and how often. */
    lastAtMs: instant('last_at_ms').notNull(),
    times: integer('times').notNull().default(1),
    /** From then on it does not count any more. */
    expiresAtMs: instant('expires_at_ms').notNull(),
    /** The revocation that it came to; null: none. */
    revocationId: text('revocation_id'),
    dismissedAtMs: instant('dismissed_at_ms'),
    dismissedBy: text('dismissed_by'),
    dismissedWhy: text('dismissed_why'),
    /** So long the same is not raised again; null: it was not dismissed. */
    silentUntilMs: instant('silent_until_ms'),
    /** Then the row may go. */
    keptUntilMs: instant('kept_until_ms').notNull(),
  },
  (table) => [
    uniqueIndex('findings_page').on(table.atMs, table.id),
    index('findings_user').on(table.userId, table.atMs),
    index('findings_subject').on(table.subjectId, table.detector),
    index('findings_device').on(table.deviceId, table.atMs),
    index('findings_session').on(table.sid, table.atMs),
    index('findings_kept').on(table.keptUntilMs),
  ],
);
