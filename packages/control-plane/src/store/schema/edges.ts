import type { Lane, Position } from '@sallyport/shared/state/model';
import type { PathName } from '@sallyport/shared/sync/messages';
import { index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bytea, instant } from './columns.ts';

export type EdgePositions = {
  readonly [lane in Lane]?: {
    readonly applied: Position | null;
    readonly enforced: Position | null;
    /** When the edge said so, on the database's clock, which all replicas can ask. */
    readonly enforcedAtMs?: number | null;
  };
};

/** What an edge says of a lane; of its words, so that another replica can show them, too. */
export interface EdgeLaneReport {
  readonly nack: { readonly code: string; readonly detail: string } | null;
  readonly held: boolean;
  readonly path: PathName | null;
  /** As of `saidAtMs`. */
  readonly stalenessMs: number | null;
  readonly digestAgrees: boolean | null;
  /** When the replica that carries the lane wrote this, on its clock. */
  readonly saidAtMs?: number;
  /** What the edge noticed on this lane since its process began, by name. */
  readonly alarms?: Readonly<Record<string, number>>;
}

export interface EdgeReportRow {
  /** The replica that wrote last. */
  readonly replica: string;
  /** When that was, on the database's clock. */
  readonly seenAtMs?: number;
  /** Since when the edge has streams to it. */
  readonly connectedSinceMs?: number | null;
  readonly lanes: { readonly [lane in Lane]?: EdgeLaneReport };
  readonly carriedBlocks: number | null;
}

export const edges = pgTable(
  'edges',
  {
    id: text('id').primaryKey(),
    region: text('region').notNull(),
    labels: jsonb('labels').$type<Readonly<Record<string, string>>>().notNull(),
    /** Public JWKs as JSON text, the newest last. */
    assertionJwks: text('assertion_jwks').array().notNull(),
    /** SHA-256 of the newest identity certificate's DER, lower-case hex. */
    identitySha256: text('identity_sha256').notNull(),
    identityNotAfterMs: instant('identity_not_after_ms').notNull(),
    joinedAtMs: instant('joined_at_ms').notNull(),
    renewedAtMs: instant('renewed_at_ms').notNull(),
    /** What a replica last saw of the edge, to the second: for people, never for decisions. */
    lastSeenAtMs: instant('last_seen_at_ms'),
    softwareVersion: text('software_version').notNull().default(''),
    positions: jsonb('positions').$type<EdgePositions>(),
    /** What the edge says of its own state, lane by lane: for people, too. */
    report: jsonb('report').$type<EdgeReportRow>(),
  },
  (table) => [uniqueIndex('edges_page').on(table.joinedAtMs, table.id)],
);

export const joinTokens = pgTable(
  'join_tokens',
  {
    id: text('id').primaryKey(),
    /** SHA-256 of the token, which has 256 random bits. */
    tokenHash: bytea('token_hash').notNull().unique(),
    createdBy: text('created_by').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
    expiresAtMs: instant('expires_at_ms').notNull(),
    usedAtMs: instant('used_at_ms'),
    usedByEdgeId: text('used_by_edge_id'),
  },
  (table) => [index('join_tokens_expiry').on(table.expiresAtMs)],
);
