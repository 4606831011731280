import type { BlockKind, GenerationScope } from '@sallyport/shared/state/model';
import { sql } from 'drizzle-orm';
import { index, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { count, instant } from './columns.ts';
import { devices, users } from './directory.ts';

/** One row per sign-in. Its statement holds while the generations are those of now. */
export const sessions = pgTable(
  'sessions',
  {
    sid: text('sid').primaryKey(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    /** null: signed in without a device. */
    deviceId: text('device_id').references(() => devices.id, { onDelete: 'cascade' }),
    /** Name of the IdentityProvider document. */
    provider: text('provider').notNull(),
    authenticatedAtMs: instant('authenticated_at_ms').notNull(),
    amr: text('amr').array().notNull(),
    acr: text('acr'),
    issuedAtMs: instant('issued_at_ms').notNull(),
    expiresAtMs: instant('expires_at_ms').notNull(),
    generationGlobal: count('generation_global').notNull(),
    generationUser: count('generation_user').notNull(),
    /** 0 where there is no device. */
    generationDevice: count('generation_device').notNull(),
    sourceAddress: text('source_address').notNull(),
    userAgent: text('user_agent').notNull(),
    /** The edge that the sign-in came through. */
    edgeId: text('edge_id').notNull(),
    /** Ended by name (sign-out or revocation); null: not so. */
    endedAtMs: instant('ended_at_ms'),
  },
  (table) => [
    index('sessions_user').on(table.userId),
    index('sessions_device').on(table.deviceId),
    index('sessions_expiry').on(table.expiresAtMs),
    uniqueIndex('sessions_page').on(table.issuedAtMs, table.sid),
  ],
);

/**
 * Sessions that were ended by name, until their statements have expired: rows of the `revoke` lane.
 * A table of its own, because a session may go with its user or device and this must stay.
 */
export const endedSessions = pgTable(
  'ended_sessions',
  {
    sid: text('sid').primaryKey(),
    expiresAtMs: instant('expires_at_ms').notNull(),
  },
  (table) => [index('ended_sessions_expiry').on(table.expiresAtMs)],
);

/** Only rises. A statement with another value is no session. A missing row stands for 0. */
export const generations = pgTable(
  'generations',
  {
    scope: text('scope').$type<GenerationScope>().notNull(),
    /** User or device id; empty for the global one. */
    subjectId: text('subject_id').notNull(),
    value: count('value').notNull(),
  },
  (table) => [primaryKey({ columns: [table.scope, table.subjectId] })],
);

export type RevocationEffect = 'end' | 'block';
export type RevocationTarget = 'session' | BlockKind;

export const revocations = pgTable(
  'revocations',
  {
    id: text('id').primaryKey(),
    target: text('target').$type<RevocationTarget>().notNull(),
    /** Id, certificate SHA-256, or name of a service; empty for everyone. */
    subjectId: text('subject_id').notNull(),
    /** Of a certificate that was enrolled: SHA-256 of its public key. */
    subjectKeySha256: text('subject_key_sha256'),
    effect: text('effect').$type<RevocationEffect>().notNull(),
    reason: text('reason').notNull(),
    createdBy: text('created_by').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
    /** null: until lifted. Only blocks expire. */
    expiresAtMs: instant('expires_at_ms'),
    liftedAtMs: instant('lifted_at_ms'),
    liftedBy: text('lifted_by'),
    /** Blocks alone: when it left the `revoke` lane, lifted or expired. null: it is a row of it. */
    leftLaneAtMs: instant('left_lane_at_ms'),
  },
  (table) => [
    index('revocations_subject').on(table.target, table.subjectId),
    index('revocations_key').on(table.subjectKeySha256),
    index('revocations_expiry')
      .on(table.expiresAtMs)
      .where(sql`${table.effect} = 'block' and ${table.leftLaneAtMs} is null`),
    uniqueIndex('revocations_page').on(table.createdAtMs, table.id),
  ],
);

/** What may happen once (state of a sign-in, hand-over token), kept until it could not anyway. */
export const singleUse = pgTable(
  'single_use',
  {
    purpose: text('purpose').$type<'sign-in-state' | 'hand-over'>().notNull(),
    value: text('value').notNull(),
    expiresAtMs: instant('expires_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.purpose, table.value] }),
    index('single_use_expiry').on(table.expiresAtMs),
  ],
);
