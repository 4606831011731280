import type { CompiledPolicySet } from '@sallyport/policy';
import type { Lane, Position } from '@sallyport/shared/state/model';
import type { PathName } from '@sallyport/shared/sync/messages';
import type { Executor } from './store/database.ts';
import type { AffectedUsers } from './store/schema/index.ts';

/** What the parts of this process ask of each other, so that none imports the other's folder. */

/** What one edge made of one revision. */
export interface EdgeReceipt {
  readonly edgeId: string;
  readonly region: string;
  readonly status: 'enforced' | 'unreachable';
  /**
   * From the commit to the edge's acknowledgement; null: unreachable, or it acknowledged before
   * this process knew of the commit, or so long after that this process has forgotten it.
   */
  readonly tookMs: number | null;
  /** By which way the revision came to the edge first; null: it did not say, or is unreachable. */
  readonly path: PathName | null;
}

/** What is known of one edge: by its streams to this process, or as another replica wrote it down. */
export interface EdgeStatus {
  readonly edgeId: string;
  readonly connected: boolean;
  readonly connectedSinceMs: number | null;
  readonly softwareVersion: string | null;
  readonly lastSeenAtMs: number | null;
  readonly lanes: { readonly [lane in Lane]?: EdgeLaneStatus };
  /** Blocks that the edge enforces although the lanes do not have them; null: not said here. */
  readonly carriedBlocks: number | null;
}

export interface EdgeLaneStatus {
  /** A stream to this process carries the lane now; else another replica may know better. */
  readonly here: boolean;
  readonly applied: Position | null;
  readonly enforced: Position | null;
  /** Code and detail of the last refusal, null since the last acknowledgement. */
  readonly nack: { readonly code: string; readonly detail: string } | null;
  /** Nothing is sent: the edge refused what would come next. */
  readonly held: boolean;
  /** By which way the revision came that the edge enforced last. */
  readonly path: PathName | null;
  /** Age of the edge's state as it last said and the time since then, milliseconds. */
  readonly stalenessMs: number | null;
  /** Whether the edge's rows are those of the control plane, as was last compared. */
  readonly digestAgrees: boolean | null;
  /** What the edge noticed on this lane since its process began, by name. */
  readonly alarms: Readonly<Record<string, number>>;
}

/** How far behind a position is. null: it cannot be said, because it is of another history. */
export interface Lag {
  readonly revisions: number | null;
  /** Since this replica had the first revision that is missing; null: longer than it remembers. */
  readonly ms: number | null;
}

export interface Receipts {
  /**
   * Resolves when every edge that counts has enforced `position` of `lane`, or after `timeoutMs`
   * with the rest as unreachable; without a database after half a second at the least, which it
   * has to say which edges there are. Edges that are blocked do not count, but for those named in
   * `also`: whom the position itself blocks. Never rejects for an edge's sake.
   */
  waitEnforced(
    lane: Lane,
    position: Position,
    timeoutMs: number,
    also?: readonly string[],
  ): Promise<readonly EdgeReceipt[]>;
  /** The edges that have or had streams to this process. */
  edgesStatus(): readonly EdgeStatus[];
  edgeStatus(edgeId: string): EdgeStatus | null;
  /** The lanes as far as this replica has read them. */
  heads(): ReadonlyMap<Lane, Position>;
  lag(lane: Lane, enforced: Position | null): Lag;
}

export interface Publisher {
  /** There may be new rows in the change log. */
  wake(): void;
}

/**
 * Decides recorded requests by both versions. Reads in bounded pages, so `db` is no transaction that
 * anybody waits for.
 */
export type UsersAffected = (
  db: Executor,
  live: CompiledPolicySet,
  candidate: CompiledPolicySet,
  window: { readonly sinceMs: number; readonly untilMs: number },
) => Promise<AffectedUsers>;
