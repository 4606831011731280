import type { Executor } from '../../store/database.ts';
import type { KnownEdge } from '../../store/edge-status.ts';
import type { RolloutRow } from '../../store/rollouts.ts';
import type { StageSeen } from '../../store/schema/index.ts';
import type { Attendance } from '../attendance.ts';

/** What a gate may look at. */
export interface GateContext {
  readonly db: Executor;
  readonly rollout: RolloutRow;
  /** The edges that the version was released to, those of earlier rings included. */
  readonly edges: readonly KnownEdge[];
  /** What was decided since then, and who is missing since when. */
  readonly decisions: StageSeen;
  /** Who is there now. */
  readonly attendance: Attendance;
  /** On the database's clock. */
  readonly nowMs: number;
  /** For so long this gate has said `wait`, without a break. */
  readonly waitedMs: number;
}

/** `wait` keeps the rollout where it is; `fail` takes the version back. Both say why, for people. */
export type GateResult = 'pass' | { readonly wait: string } | { readonly fail: string };

/** Asked every second from the release to a ring until the next, whether it bakes or is paused. */
export interface Gate {
  readonly name: string;
  check(context: GateContext): Promise<GateResult>;
}

export function isWait(result: GateResult): result is { readonly wait: string } {
  return result !== 'pass' && 'wait' in result;
}

export function isFailure(result: GateResult): result is { readonly fail: string } {
  return result !== 'pass' && 'fail' in result;
}
