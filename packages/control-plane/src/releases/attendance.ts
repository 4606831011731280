import type { KnownEdge } from '../store/edge-status.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import { enforces, isConnected, seenAtMs, seenMsMax } from './ring-edges.ts';

/** Which of the edges that got a version are still there. */
export interface Attendance {
  /** Those that were there when it was released to the stage's ring, or have been since. */
  readonly expected: readonly KnownEdge[];
  /** Those of them that are gone, or there and do not enforce it. */
  readonly missing: readonly KnownEdge[];
  /** Others at the same time: where these are missing, too, it says nothing of the version. */
  readonly witnesses: { readonly well: number; readonly of: number };
  /** Whether edges that have not got it are there at all. */
  readonly hasOthers: boolean;
}

type Stage = Pick<RolloutRow, 'stageReleasedAtMs' | 'stageEpoch' | 'stageRev'>;

/**
 * Compares the edges that have the version with those that have not; where it has reached all, with
 * the rest of themselves. An edge that has never enforced anything, or that was away before the
 * release, is not expected: it cannot have been lost by it.
 */
export function attendanceOf(
  stage: Stage,
  reached: readonly KnownEdge[],
  others: readonly KnownEdge[],
): Attendance {
  const isExpected = (edge: KnownEdge): boolean =>
    (edge.positions?.config?.enforced ?? null) !== null &&
    seenAtMs(edge) >= stage.stageReleasedAtMs - seenMsMax;
  const isWell = (edge: KnownEdge): boolean => isConnected(edge) && enforces(edge, stage);
  const expected = reached.filter(isExpected);
  const control = others.filter(isExpected);
  const asked = control.length > 0 ? control : expected;
  return {
    expected,
    missing: expected.filter((edge) => !isWell(edge)),
    witnesses: { well: asked.filter(isWell).length, of: asked.length },
    hasOthers: control.length > 0,
  };
}

/** Whether at least half of the others are well, so that it is not the control plane that is away. */
export function isWitnessed({ witnesses: { well, of } }: Attendance): boolean {
  return well > 0 && well * 2 >= of;
}
