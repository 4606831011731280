import { type CountedDecisions, countDecisionsAfter } from '../store/access-records.ts';
import type { Executor } from '../store/database.ts';
import type { RolloutRow } from '../store/rollouts.ts';
import type { Decisions, StageSeen } from '../store/schema/index.ts';

/** Records that are counted at once; the rest comes with the next second. More may take too long. */
const recordsMax = 10_000;

/** What was refused at the gate, and our own endpoints, are no decisions. */
const outcomes = new Set(['permit', 'deny', 'sign_in', 'step_up']);

/**
 * Counts on from where the rollout's stage has come to: what the edges that it has reached decide
 * by the new version, and the others by the base.
 */
export async function countOn(
  db: Executor,
  rollout: RolloutRow,
  reached: ReadonlySet<string>,
): Promise<Pick<StageSeen, 'afterId' | 'ring' | 'control'>> {
  const known = seenAtStage(rollout);
  const counted = await countDecisionsAfter(db, known.afterId, recordsMax);
  const { version, base } = rollout;
  const ring = counted.filter((one) => one.version === version && reached.has(one.edgeId));
  const control = counted.filter((one) => one.version === base && !reached.has(one.edgeId));
  return {
    afterId: Math.max(known.afterId, ...counted.map(({ lastId }) => lastId)),
    ring: add(known.ring, sumOf(ring)),
    control: add(known.control, sumOf(control)),
  };
}

/** What the job has seen at the stage so far. */
export function seenAtStage({ id, decisions, stage }: RolloutRow): StageSeen {
  const seen = decisions[stage];
  if (seen === undefined) throw new Error(`rollout ${id} has seen nothing`);
  return seen;
}

/**
 * How many decisions, and how many of them denials. Who is signed in and is sent to sign in again,
 * or to confirm it, has not come through either.
 */
export function sumOf(counted: readonly CountedDecisions[]): Decisions {
  let decided = 0;
  let denied = 0;
  for (const { outcome, signedIn, count } of counted) {
    if (!outcomes.has(outcome)) continue;
    decided += count;
    if (outcome === 'deny' || (signedIn && outcome !== 'permit')) denied += count;
  }
  return { decided, denied };
}

/** Those of both. */
export function add(one: Decisions, other: Decisions): Decisions {
  return { decided: one.decided + other.decided, denied: one.denied + other.denied };
}
