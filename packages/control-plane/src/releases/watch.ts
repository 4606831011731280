import type { RolloutRow } from '../store/rollouts.ts';
import type { StageSeen } from '../store/schema/index.ts';
import { type Attendance, isWitnessed } from './attendance.ts';
import { seenAtStage } from './decisions.ts';

/** Only time that the job watched counts: neither an outage nor a step of the clock is a bake. */

/** Between two looks; after longer nobody can say what happened meanwhile. */
const lookMsMax = 10_000;

/** The rollout as if the clock had stood still while nobody looked. */
export function withoutGap(rollout: RolloutRow, nowMs: number): RolloutRow {
  const gapMs = nowMs - seenAtStage(rollout).lookedAtMs;
  if (!isGap(gapMs)) return rollout;
  const { stageEnforcedAtMs, stageReleasedAtMs } = rollout;
  return {
    ...rollout,
    stageEnforcedAtMs: stageEnforcedAtMs === null ? null : stageEnforcedAtMs + gapMs,
    // Of a clock that was set back; what edges said in a gap was said after the release.
    stageReleasedAtMs: stageReleasedAtMs + Math.min(0, gapMs),
  };
}

/** Since when edges are missing, as far as the job has looked on and the others were well. */
export function missingSince(
  seen: StageSeen,
  attendance: Attendance,
  nowMs: number,
): StageSeen['missing'] {
  if (!isWitnessed(attendance)) return {};
  const before = isGap(nowMs - seen.lookedAtMs) ? {} : seen.missing;
  return Object.fromEntries(attendance.missing.map(({ id }) => [id, before[id] ?? nowMs]));
}

/** For how long a gate has been waiting. */
export function waitedMs(seen: StageSeen, gate: string, nowMs: number): number {
  return isGap(nowMs - seen.lookedAtMs) ? 0 : nowMs - (seen.waits[gate] ?? nowMs);
}

function isGap(ms: number): boolean {
  return ms < 0 || ms > lookMsMax;
}
