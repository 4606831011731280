import type { Executor } from '../../store/database.ts';
import type { KnownEdge } from '../../store/edge-status.ts';
import type { RolloutRow } from '../../store/rollouts.ts';
import type { StageDecisions } from '../../store/schema/index.ts';

/** What a gate may look at. */
export interface GateContext {
  readonly db: Executor;
  readonly rollout: RolloutRow;
  /** The edges that the version was released to, those of earlier rings included. */
  readonly edges: readonly KnownEdge[];
  /** What was decided since then. */
  readonly decisions: StageDecisions;
  readonly nowMs: number;
}

/** `wait` keeps the rollout where it is; `fail` takes the version back. */
export type GateResult = 'pass' | 'wait' | { readonly fail: string };

/** Asked every second from the release to a ring until the next, whether it bakes or is paused. */
export interface Gate {
  readonly name: string;
  check(context: GateContext): Promise<GateResult>;
}
