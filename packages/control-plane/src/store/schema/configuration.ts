import type { Kind } from '@sallyport/shared/configuration/documents';
import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bytea, count, instant } from './columns.ts';

export interface DocumentChange {
  readonly kind: Kind;
  readonly name: string;
  readonly change: 'created' | 'updated' | 'deleted';
}

/**
 * `proposed`: waits for another person. `candidate`: in the lane, without effect. `releasing`: in a
 * rollout. `released`: it was what every edge decides by, and may be so still.
 */
export type VersionState =
  | 'proposed'
  | 'candidate'
  | 'releasing'
  | 'released'
  | 'rolled_back'
  | 'refused';

/**
 * Why another person has to approve a version before it has effect. `guards`: it would ask for less
 * before the next one.
 */
export type ApprovalReason = 'setting' | 'blast_radius' | 'guards';

/** What another person said of a version. */
export interface Review {
  readonly verdict: 'approved' | 'rejected';
  readonly byId: string;
  readonly by: string;
  readonly comment: string;
  readonly atMs: number;
}

/** One request that a user made and would not get through with any more. */
export interface LostAccess {
  readonly user: string;
  readonly email: string | null;
  readonly correlationId: string;
  readonly route: string | null;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  /** Code of the reason that the candidate gives. */
  readonly reason: string;
}

/** What a candidate would take, by requests that were made. */
export interface AffectedUsers {
  /** Users whom the live version lets through with some request of the window. */
  readonly active: number;
  /** Those of them whom the candidate denies one that the live version permits. */
  readonly lose: number;
  /** There were more records than are read for this; the newest were. */
  readonly sampled: boolean;
  /** One for each of some users that lose. */
  readonly examples: readonly LostAccess[];
}

/** Who would lose access, as it was measured when the version was made or asked for. */
export interface MeasuredEffect extends AffectedUsers {
  readonly windowMs: number;
  /** Share of the active users that was allowed then; null: any. */
  readonly limit: number | null;
}

/**
 * Numbered from 1 without gaps. What a version says never changes: its documents are those of its
 * bundle, whole, so that versions need not follow one another.
 */
export const configurationVersions = pgTable(
  'configuration_versions',
  {
    version: count('version').primaryKey(),
    /** The version that was live when this one was made, and that it differs from by `changes`. */
    base: count('base'),
    /** The older version that this one is equal to, if it was made to go back. */
    restores: count('restores'),
    author: text('author').notNull(),
    /** Token id. */
    authorId: text('author_id').notNull().default(''),
    message: text('message').notNull(),
    changes: jsonb('changes').$type<readonly DocumentChange[]>().notNull(),
    /** Canonical JSON as it goes out, built-in documents included. */
    bundle: bytea('bundle').notNull(),
    bundleSha256: bytea('bundle_sha256').notNull(),
    createdAtMs: instant('created_at_ms').notNull(),
    /**
     * So long after it was last known complete, the lane `revoke` has closed every route of an edge
     * that decides by this version; null: some route stays open.
     */
    closesAfterMs: count('closes_after_ms'),
    state: text('state').$type<VersionState>().notNull().default('released'),
    /** Why it was refused or rolled back, for people. */
    stateReason: text('state_reason'),
    needsApproval: text('needs_approval')
      .array()
      .$type<readonly ApprovalReason[]>()
      .notNull()
      .default(sql`'{}'::text[]`),
    affected: jsonb('affected').$type<MeasuredEffect>(),
    review: jsonb('review').$type<Review>(),
  },
  (table) => [index('configuration_versions_state').on(table.state, table.version)],
);

/** Which version the edges of a ring decide by. The one of ring `default` is the live version. */
export const releases = pgTable('releases', {
  ring: text('ring').primaryKey(),
  version: count('version')
    .notNull()
    .references(() => configurationVersions.version),
  /** What the ring's edges decide besides, without effect; null: nothing. */
  shadowVersion: count('shadow_version').references(() => configurationVersions.version),
  releasedAtMs: instant('released_at_ms').notNull(),
});

export type RolloutState = 'running' | 'paused' | 'done' | 'rolled_back';

/** A ring as the live settings had it when the rollout began. */
export interface RolloutRing {
  readonly name: string;
  /** null: all edges that are in no other ring. */
  readonly matchLabels: Readonly<Record<string, string>> | null;
  readonly bakeMs: number;
}

export interface Decisions {
  readonly decided: number;
  readonly denied: number;
}

/**
 * What a rollout's job has seen since a version was released to a ring; what was decided, from
 * records as they come.
 */
export interface StageSeen {
  /** The newest access record at the release: what is older was decided before. */
  readonly fromId: number;
  /** The newest access record that is counted. */
  readonly afterId: number;
  /** By the edges that the rollout has reached, at the version that is rolled out. */
  readonly ring: Decisions;
  /** By the others, at the base, at the same time. */
  readonly control: Decisions;
  /** When the job looked last, on the database's clock. */
  readonly lookedAtMs: number;
  /** Edges that ought to enforce the version and are not there to say so, by id, and since when. */
  readonly missing: Readonly<Record<string, number>>;
  /** Gates that say wait, by name, and since when. */
  readonly waits: Readonly<Record<string, number>>;
}

/** A version on its way, ring by ring. All that its job knows is here: a leader may stop any time. */
export const rollouts = pgTable(
  'rollouts',
  {
    id: text('id').primaryKey(),
    version: count('version')
      .notNull()
      .references(() => configurationVersions.version),
    /** What a rollback goes back to. */
    base: count('base')
      .notNull()
      .references(() => configurationVersions.version),
    state: text('state').$type<RolloutState>().notNull(),
    /** In their order; the last is `default`. */
    rings: jsonb('rings').$type<readonly RolloutRing[]>().notNull(),
    gates: jsonb('gates').$type<GateSettings>().notNull(),
    /** Index of the ring that it was released to last. */
    stage: integer('stage').notNull(),
    /** This and the next on the database's clock. */
    stageReleasedAtMs: instant('stage_released_at_ms').notNull(),
    /** Where that release stands in the config lane. */
    stageEpoch: bigint('stage_epoch', { mode: 'number' }).notNull(),
    stageRev: bigint('stage_rev', { mode: 'number' }).notNull(),
    /** Since when all of the ring's edges enforce it; null: not yet. */
    stageEnforcedAtMs: instant('stage_enforced_at_ms'),
    /** By stage, as far as it has come. */
    decisions: jsonb('decisions').$type<readonly StageSeen[]>().notNull(),
    /** What it waits for, for people. */
    waiting: text('waiting'),
    /** Why it ended as it did. */
    reason: text('reason'),
    startedBy: text('started_by').notNull(),
    startedAtMs: instant('started_at_ms').notNull(),
    endedAtMs: instant('ended_at_ms'),
  },
  (table) => [
    uniqueIndex('rollouts_page').on(table.startedAtMs, table.id),
    // One at a time.
    uniqueIndex('rollouts_active').on(sql`(true)`).where(sql`${table.endedAtMs} is null`),
  ],
);

/** When a ring's denials are too many. */
export interface GateSettings {
  /** How many times the share of the control ring's. */
  readonly denialRateFactor: number;
  /** Fewer denials than this say nothing. */
  readonly denialsMin: number;
}
