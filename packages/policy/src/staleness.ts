import { clockSkewMaxMs } from './conditions/age.ts';
import type { StalenessFacts } from './facts.ts';
import type { StateLane } from './model.ts';
import type { TraceStep } from './trace.ts';
import { truthOf } from './truth.ts';
import type { LiveSession, View } from './view.ts';

/**
 * What the age of the state does to a verdict. Ages are facts, measured once for a decision by a
 * clock that nobody can set; nothing here looks at one.
 */

/** How old one lane may be; Infinity: never too old for that. At least one is finite. */
export interface CompiledBudget {
  readonly lane: StateLane;
  readonly stepUpAfterMs: number;
  readonly denyNewSessionsAfterMs: number;
  readonly denyAfterMs: number;
}

export type Stage = 'fresh' | 'step_up' | 'deny_new_sessions' | 'deny';

export const stateLanes = ['revoke', 'signals', 'config', 'directory'] as const;

/** The first lane that is so old that nobody is let in; null: none. */
export function tooOldForAll(
  budgets: readonly CompiledBudget[],
  { facts }: View,
): StateLane | null {
  for (const budget of budgets) {
    if (ageOf(facts.staleness, budget.lane) >= budget.denyAfterMs) return budget.lane;
  }
  return null;
}

/** The first lane that is so old that nobody signs in any more; null: none. */
export function tooOldForNew(
  budgets: readonly CompiledBudget[],
  { facts }: View,
): StateLane | null {
  for (const budget of budgets) {
    if (ageOf(facts.staleness, budget.lane) >= budget.denyNewSessionsAfterMs) return budget.lane;
  }
  return null;
}

/**
 * The lanes so old that a session which began before what is known of them has to be confirmed.
 * Where nobody is signed in there is nothing to confirm: what is open to all gives no user's rights.
 */
export function unconfirmedLanes(
  budgets: readonly CompiledBudget[],
  view: View,
  trace: TraceStep[] | null,
): readonly CompiledBudget[] {
  const { session, facts } = view;
  if (session === null) return none;
  let unconfirmed: CompiledBudget[] | null = null;
  for (const budget of budgets) {
    if (ageOf(facts.staleness, budget.lane) < budget.stepUpAfterMs) continue;
    const confirmed = isConfirmed(budget, session, view);
    const rule = `staleness/${budget.lane}`;
    trace?.push({ step: 'requirement', rule, value: truthOf(confirmed) });
    if (!confirmed) (unconfirmed ??= []).push(budget);
  }
  return unconfirmed ?? none;
}

const none: readonly CompiledBudget[] = [];

/**
 * Whether the session was made, or confirmed, no earlier than what is known of the lane: the control
 * plane has let this user in since. A sign-in that lies in the future confirms nothing.
 */
function isConfirmed(
  budget: CompiledBudget,
  { authenticatedAtMs }: LiveSession,
  { facts }: View,
): boolean {
  const asOfMs = facts.nowMs - ageOf(facts.staleness, budget.lane);
  return authenticatedAtMs >= asOfMs && authenticatedAtMs <= facts.nowMs + clockSkewMaxMs;
}

/**
 * The first instant at which a permit of now would end if nothing more were heard. By a clock that
 * tells no time it is over at once.
 */
export function budgetUntilMs(budgets: readonly CompiledBudget[], view: View): number {
  const { facts, session } = view;
  let leftMs = Number.POSITIVE_INFINITY;
  for (const budget of budgets) {
    const ageMs = ageOf(facts.staleness, budget.lane);
    leftMs = Math.min(leftMs, budget.denyAfterMs - ageMs);
    if (session === null || ageMs >= budget.stepUpAfterMs) continue;
    if (!isConfirmed(budget, session, view))
      leftMs = Math.min(leftMs, budget.stepUpAfterMs - ageMs);
  }
  const untilMs = facts.nowMs + leftMs;
  return Number.isNaN(untilMs) ? 0 : untilMs;
}

/** The age that a sign-in has to be below to confirm a session, seconds. */
export function confirmedWithinSeconds({ lane }: CompiledBudget, { facts }: View): number {
  return Math.max(1, Math.floor(ageOf(facts.staleness, lane) / 1000));
}

/** Tells the age of each lane that counts, and what it leads to. */
export function traceStaleness(
  budgets: readonly CompiledBudget[],
  { facts }: View,
  trace: TraceStep[],
): void {
  for (const budget of budgets) {
    const ageMs = ageOf(facts.staleness, budget.lane);
    trace.push({
      step: 'staleness',
      lane: budget.lane,
      ageMs: finiteOrNull(ageMs),
      stage: stageOf(budget, ageMs),
      stepUpAfterMs: finiteOrNull(budget.stepUpAfterMs),
      denyNewSessionsAfterMs: finiteOrNull(budget.denyNewSessionsAfterMs),
      denyAfterMs: finiteOrNull(budget.denyAfterMs),
    });
  }
}

function stageOf(budget: CompiledBudget, ageMs: number): Stage {
  if (ageMs >= budget.denyAfterMs) return 'deny';
  if (ageMs >= budget.denyNewSessionsAfterMs) return 'deny_new_sessions';
  return ageMs >= budget.stepUpAfterMs ? 'step_up' : 'fresh';
}

/**
 * The age of a lane; Infinity, and so past every threshold, also one that is never reached
 * otherwise, where the lane was never whole or its age is not told.
 */
function ageOf(staleness: StalenessFacts | null | undefined, lane: StateLane): number {
  const ageMs = staleness ? toldAge(staleness, lane) : undefined;
  const known = typeof ageMs === 'number' && ageMs >= 0 && ageMs < Number.MAX_SAFE_INTEGER;
  return known ? ageMs : Number.POSITIVE_INFINITY;
}

/** Written out, because a field looked up by name is many times as slow. */
function toldAge(staleness: StalenessFacts, lane: StateLane): number {
  switch (lane) {
    case 'revoke':
      return staleness.revokeMs;
    case 'signals':
      return staleness.signalsMs;
    case 'config':
      return staleness.configMs;
    case 'directory':
      return staleness.directoryMs;
  }
}

function finiteOrNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
