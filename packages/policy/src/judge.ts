import type { Candidates } from './candidates.ts';
import type { Decision, Deny, Reason } from './decision.ts';
import type { CompiledRoute } from './route-table.ts';
import { type CompiledRule, type CompiledStepUpRule, evaluate } from './rules.ts';
import { unconfirmedLanes } from './staleness.ts';
import type { TraceStep } from './trace.ts';
import { deny, permit, permitUntilMs, signIn, stepUp } from './verdicts.ts';
import type { View } from './view.ts';
import { missingFacts, sessionReasons, whyNothingAllows } from './why.ts';

/**
 * The rules, as design.md orders the verdicts: deny, permit or step up, sign in, deny. A trace gets
 * every rule of a kind; without one, the first that settles the matter ends it.
 */
export function judge(
  route: CompiledRoute,
  candidates: Candidates,
  view: View,
  trace: TraceStep[] | null,
): Decision {
  candidates.trace('deny', trace);
  const denying = findDenying(candidates.of('deny'), view, trace);
  if (denying !== null) return denyBy(denying, route, view);
  let allowing: CompiledRule | null = null;
  let pending: CompiledRule | null = null;
  candidates.trace('allow', trace);
  for (const rule of candidates.of('allow')) {
    const value = evaluate(rule, view, trace);
    if (value === 'true') allowing ??= rule;
    if (value === 'pending') pending ??= rule;
    if (allowing !== null && trace === null) break;
  }
  if (allowing !== null) return permitOrStepUp(route, allowing, candidates, view, trace);
  if (pending !== null) return signIn(route, pending, [], view);
  return deny(route.name, [...whyNothingAllows(candidates, view), ...sessionReasons(view)], []);
}

/** The first rule that denies; one that is true before one that is unknown. */
function findDenying(
  rules: readonly CompiledRule[],
  view: View,
  trace: TraceStep[] | null,
): CompiledRule | null {
  let denying: CompiledRule | null = null;
  let unknown: CompiledRule | null = null;
  for (const rule of rules) {
    const value = evaluate(rule, view, trace);
    if (value === 'true') denying ??= rule;
    if (value === 'unknown') unknown ??= rule;
    if (denying !== null && trace === null) break;
  }
  return denying ?? unknown;
}

function denyBy(rule: CompiledRule, route: CompiledRoute, view: View): Deny {
  if (evaluate(rule, view, null) === 'true') return deny(route.name, rule.reasons, rule.ids);
  const reasons: Reason[] = [
    { code: 'rule_unknown', detail: rule.id },
    ...missingFacts(rule, view),
  ];
  return deny(route.name, reasons, rule.ids);
}

/**
 * A step-up rule that applies, or that may apply for all that is known, asks for more unless the
 * session meets what it requires. The design leaves open what a rule asks of an anonymous permit.
 * One that is pending, because it is about users, asks nothing: nobody is signed in, and what is
 * open to all gives no user's rights. One that applies to whoever comes cannot be met without a
 * session, so it leads to sign-in.
 */
function permitOrStepUp(
  route: CompiledRoute,
  allowing: CompiledRule,
  candidates: Candidates,
  view: View,
  trace: TraceStep[] | null,
): Decision {
  candidates.trace('stepUp', trace);
  let requiredUntilMs = Number.POSITIVE_INFINITY;
  const unmet: CompiledStepUpRule[] = [];
  for (const rule of candidates.of('stepUp')) {
    const value = evaluate(rule, view, trace);
    if (value === 'false' || value === 'pending') continue;
    const met = rule.requirement.met(view);
    trace?.push({ step: 'requirement', rule: rule.id, value: met });
    if (met !== 'true') unmet.push(rule);
    else requiredUntilMs = Math.min(requiredUntilMs, rule.requirement.untilMs(view));
  }
  const unconfirmed = unconfirmedLanes(route.staleness, view, trace);
  if (unmet.length === 0 && unconfirmed.length === 0) {
    const untilMs = Math.min(permitUntilMs(route, candidates, view), requiredUntilMs);
    return permit(route, {
      reasons: allowing.reasons,
      ruleIds: allowing.ids,
      untilMs,
      wouldDeny: null,
    });
  }
  return view.session === null
    ? signIn(route, allowing, unmet, view)
    : stepUp(route, unmet, unconfirmed, view);
}
