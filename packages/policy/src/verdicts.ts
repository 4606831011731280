import type { Candidates } from './candidates.ts';
import { employmentEndMs } from './checks.ts';
import { strictest } from './conditions/authentication.ts';
import type { Deny, Permit, Reason, SignIn, StepUp } from './decision.ts';
import type { CompiledRoute } from './route-table.ts';
import type { CompiledRule, CompiledStepUpRule } from './rules.ts';
import { budgetUntilMs, type CompiledBudget, confirmedWithinSeconds } from './staleness.ts';
import type { View } from './view.ts';
import { sessionReasons } from './why.ts';

/**
 * Of the step-up rules that a verdict comes from, it names so many, the first by id: it is written
 * into a record. What all of them require counts.
 */
const namedMax = 32;

/** The only maker of a permit. */
export function permit(
  route: CompiledRoute,
  verdict: Pick<Permit, 'reasons' | 'ruleIds' | 'untilMs' | 'wouldDeny'>,
): Permit {
  const { reasons, ruleIds, untilMs, wouldDeny } = verdict;
  const made = { outcome: 'permit', route: route.name, reasons, ruleIds, untilMs, wouldDeny };
  return made as unknown as Permit;
}

/**
 * Until the session, the user's employment or the device's certificate ends, the state is too old,
 * or a rule that could apply may come to something else.
 */
export function permitUntilMs(route: CompiledRoute, candidates: Candidates, view: View): number {
  const { facts, session, user } = view;
  return Math.min(
    session === null ? Number.MAX_SAFE_INTEGER : session.expiresAtMs,
    user === null ? Number.MAX_SAFE_INTEGER : employmentEndMs(user),
    facts.device.kind === 'known' ? facts.device.certificateNotAfterMs : Number.MAX_SAFE_INTEGER,
    budgetUntilMs(route.staleness, view),
    candidates.changesAtMs(),
  );
}

/** Asks for what the rules want, and for a sign-in after what is known of the lanes. */
export function stepUp(
  route: CompiledRoute,
  rules: readonly CompiledStepUpRule[],
  unconfirmed: readonly CompiledBudget[],
  view: View,
): StepUp {
  const stale = unconfirmed.map(({ lane }): Reason => ({ code: 'state_stale', detail: lane }));
  const named = rules.slice(0, namedMax);
  const young = unconfirmed.map((budget) => ({
    maxAgeSeconds: confirmedWithinSeconds(budget, view),
  }));
  return {
    outcome: 'step_up',
    route: route.name,
    reasons: [...named.flatMap((rule) => rule.reasons), ...stale],
    ruleIds: named.map((rule) => rule.id),
    require: strictest([...rules.map((rule) => rule.requirement.wanted), ...young]),
  };
}

/** Asks for a sign-in; `allowing`: the rule that may let in then, null: none would. */
export function signIn(
  route: CompiledRoute,
  allowing: CompiledRule | null,
  stepUps: readonly CompiledStepUpRule[],
  view: View,
): SignIn {
  const required: Reason =
    allowing === null
      ? { code: 'session_required' }
      : { code: 'session_required', detail: allowing.id };
  const named = stepUps.slice(0, namedMax);
  return {
    outcome: 'sign_in',
    route: route.name,
    reasons: [...sessionReasons(view), required, ...named.flatMap((rule) => rule.reasons)],
    ruleIds: [...(allowing === null ? [] : [allowing]), ...named].map((rule) => rule.id),
  };
}

/** The default. */
export function deny(
  route: string | null,
  reasons: readonly Reason[],
  ruleIds: readonly string[],
): Deny {
  return { outcome: 'deny', route, reasons, ruleIds };
}
