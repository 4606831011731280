import type { EmploymentFacts, PostureFact } from '@sallyport/policy';
import { boolean, index, jsonb, pgTable, primaryKey, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bytea, instant } from './columns.ts';

export type UserStatus = 'active' | 'suspended';

/** The e-mail address is a label: it is not unique and never a key. */
export const users = pgTable(
  'users',
  {
    id: text('id').primaryKey(),
    /** Lower case; empty: none is known. */
    email: text('email').notNull(),
    displayName: text('display_name').notNull(),
    status: text('status').$type<UserStatus>().notNull(),
    /** null: not known, and then there is no end either. */
    employmentClass: text('employment_class').$type<EmploymentFacts['class']>(),
    /** null: without end. */
    employmentEndsAtMs: instant('employment_ends_at_ms'),
    createdAtMs: instant('created_at_ms').notNull(),
    updatedAtMs: instant('updated_at_ms').notNull(),
  },
  (table) => [
    index('users_email').on(table.email),
    uniqueIndex('users_page').on(table.createdAtMs, table.id),
  ],
);

/** Who a provider's subject is here: the key of sign-in. */
export const userIdentities = pgTable(
  'user_identities',
  {
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    createdAtMs: instant('created_at_ms').notNull(),
    lastSignInAtMs: instant('last_sign_in_at_ms'),
  },
  (table) => [
    primaryKey({ columns: [table.issuer, table.subject] }),
    index('user_identities_user').on(table.userId),
  ],
);

export const groups = pgTable(
  'groups',
  {
    id: text('id').primaryKey(),
    /** What policies and provider claims say; it does not change. */
    name: text('name').notNull().unique(),
    description: text('description').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
  },
  (table) => [uniqueIndex('groups_page').on(table.createdAtMs, table.id)],
);

/**
 * A user is in a group while any row says so. Rows of an identity come from its provider's claim
 * and are replaced at sign-in; those with an empty issuer and subject were made by administrators.
 */
export const groupMembers = pgTable(
  'group_members',
  {
    groupId: text('group_id')
      .notNull()
      .references(() => groups.id, { onDelete: 'cascade' }),
    userId: text('user_id')
      .notNull()
      .references(() => users.id, { onDelete: 'cascade' }),
    issuer: text('issuer').notNull(),
    subject: text('subject').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.groupId, table.userId, table.issuer, table.subject] }),
    index('group_members_user').on(table.userId),
  ],
);

export const devices = pgTable(
  'devices',
  {
    id: text('id').primaryKey(),
    name: text('name').notNull(),
    managed: boolean('managed').notNull(),
    ownerUserId: text('owner_user_id').references(() => users.id),
    /** What was last observed of it, by name; written whole and read whole. */
    posture: jsonb('posture').$type<readonly PostureFact[]>().notNull().default([]),
    createdAtMs: instant('created_at_ms').notNull(),
    updatedAtMs: instant('updated_at_ms').notNull(),
  },
  (table) => [
    index('devices_owner').on(table.ownerUserId),
    uniqueIndex('devices_page').on(table.createdAtMs, table.id),
  ],
);

export const deviceCertificates = pgTable(
  'device_certificates',
  {
    /** Of the DER, lower-case hex. */
    sha256: text('sha256').primaryKey(),
    deviceId: text('device_id')
      .notNull()
      .references(() => devices.id, { onDelete: 'cascade' }),
    notBeforeMs: instant('not_before_ms').notNull(),
    notAfterMs: instant('not_after_ms').notNull(),
    /** `issued` by our own authority, or `registered` with a certificate of another one. */
    source: text('source').$type<'issued' | 'registered'>().notNull(),
    der: bytea('der').notNull(),
    /** SHA-256 of its SubjectPublicKeyInfo, lower-case hex: a blocked key does not come back. */
    keySha256: text('key_sha256').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
  },
  (table) => [index('device_certificates_device').on(table.deviceId)],
);
