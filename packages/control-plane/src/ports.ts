import type { Lane, Position } from '@sallyport/shared/state/model';

/** What the parts of this process ask of each other, so that none imports the other's folder. */

/** What one edge made of one revision. */
export interface EdgeReceipt {
  readonly edgeId: string;
  readonly region: string;
  readonly status: 'enforced' | 'unreachable';
  /** From the commit to the edge's acknowledgement, as this process saw it. */
  readonly tookMs: number | null;
  readonly path: 'grpc' | null;
}

/** The live view of one edge, by its streams to this process. */
export interface EdgeStatus {
  readonly edgeId: string;
  readonly connected: boolean;
  readonly connectedSinceMs: number | null;
  readonly softwareVersion: string | null;
  readonly lastSeenAtMs: number | null;
  readonly lanes: { readonly [lane in Lane]?: EdgeLaneStatus };
}

export interface EdgeLaneStatus {
  readonly applied: Position | null;
  readonly enforced: Position | null;
  /** Code and detail of the last refusal, null since the last acknowledgement. */
  readonly nack: { readonly code: string; readonly detail: string } | null;
}

export interface Receipts {
  /**
   * Resolves when every edge that counts has enforced `position` of `lane`, or after `timeoutMs`
   * with the rest as unreachable. Never rejects for an edge's sake.
   */
  waitEnforced(lane: Lane, position: Position, timeoutMs: number): Promise<readonly EdgeReceipt[]>;
  edgesStatus(): readonly EdgeStatus[];
}

export interface Publisher {
  /** There may be new rows in the change log. */
  wake(): void;
}
