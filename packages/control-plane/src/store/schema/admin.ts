import {
  bigserial,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import { bytea, instant } from './columns.ts';

export const roles = ['viewer', 'policy-admin', 'responder', 'owner'] as const;
export type Role = (typeof roles)[number];

export const adminTokens = pgTable(
  'admin_tokens',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of the token, which has 256 random bits. */
    tokenHash: bytea('token_hash').notNull().unique(),
    role: text('role').$type<Role>().notNull(),
    label: text('label').notNull(),
    createdBy: text('created_by').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
    /** null: does not expire. */
    expiresAtMs: instant('expires_at_ms'),
    /** To the minute. */
    lastUsedAtMs: instant('last_used_at_ms'),
    revokedAtMs: instant('revoked_at_ms'),
  },
  (table) => [uniqueIndex('admin_tokens_page').on(table.createdAtMs, table.id)],
);

export type ActorKind = 'token' | 'edge' | 'system';

/** One row per write, in the write's own transaction. */
export const adminAudit = pgTable(
  'admin_audit',
  {
    id: bigserial('id', { mode: 'number' }).primaryKey(),
    atMs: instant('at_ms').notNull(),
    actorKind: text('actor_kind').$type<ActorKind>().notNull(),
    /** Token id, edge id or the name of a job. */
    actorId: text('actor_id').notNull(),
    actorLabel: text('actor_label').notNull(),
    verb: text('verb').notNull(),
    resource: text('resource').notNull(),
    resourceId: text('resource_id').notNull(),
    /** What the write was, without secrets. */
    detail: jsonb('detail').$type<Readonly<Record<string, unknown>>>().notNull(),
    requestId: text('request_id').notNull(),
    sourceAddress: text('source_address').notNull(),
  },
  (table) => [index('admin_audit_resource').on(table.resource, table.resourceId)],
);

/** The answers to writes that carried an Idempotency-Key, so that a repeat gets the same one. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    tokenId: text('token_id').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of method, path and body. */
    requestHash: bytea('request_hash').notNull(),
    status: integer('status').notNull(),
    /** JSON, sealed with the context `idempotency:<token id>`: it may hold a token shown once. */
    sealedBody: bytea('sealed_body').notNull(),
    expiresAtMs: instant('expires_at_ms').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.tokenId, table.key] }),
    index('idempotency_keys_expiry').on(table.expiresAtMs),
  ],
);
