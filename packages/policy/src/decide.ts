import { checks } from './checks.ts';
import { strictest } from './conditions/authentication.ts';
import type { Decision, Deny, Permit, Reason, SignIn, StepUp } from './decision.ts';
import type { Facts } from './facts.ts';
import { type CompiledPolicySet, canonicalSegments, findRoute } from './route.ts';
import { type CompiledRoute, nothing } from './route-table.ts';
import { type CompiledRule, type CompiledStepUpRule, evaluate } from './rules.ts';
import {
  budgetUntilMs,
  type CompiledBudget,
  confirmedWithinSeconds,
  tooOldForAll,
  tooOldForNew,
  traceStaleness,
  unconfirmedLanes,
} from './staleness.ts';
import type { TraceStep } from './trace.ts';
import { View } from './view.ts';
import { missingFacts, sessionReasons, whyNothingAllows } from './why.ts';

/**
 * The verdict on one request: what is not permitted by a rule is denied. Pure; the same facts and
 * the same policy set give the same verdict. The only maker of a Permit.
 */
export function decide(compiled: CompiledPolicySet, facts: Facts): Decision {
  return walk(compiled, facts, null);
}

/** The way of `decide`, and of `explain` (explain.ts), which gives a list for the steps taken. */
export function walk(
  compiled: CompiledPolicySet,
  facts: Facts,
  trace: TraceStep[] | null,
): Decision {
  const segments = canonicalSegments(facts.request.path);
  const match = segments === null ? nothing : findRoute(compiled, facts.request, segments);
  const name = match.kind === 'none' ? null : match.route.name;
  trace?.push({ step: 'route', result: match.kind, route: name });
  if (match.kind === 'none' || segments === null) {
    return deny(null, [{ code: 'route_unknown' }], []);
  }
  if (match.kind === 'method_not_allowed') return deny(name, [{ code: 'method_not_allowed' }], []);

  const view = new View(compiled.groups, facts, segments);
  for (const check of checks) {
    const reason = check.refuses(view);
    trace?.push({ step: 'check', check: check.name, reason });
    if (reason !== null) return deny(name, [{ code: reason }], []);
  }
  const { staleness } = match.route;
  if (trace !== null) traceStaleness(staleness, view, trace);
  const lane = tooOldForAll(staleness, view);
  if (lane !== null) return deny(name, [{ code: 'state_too_old', detail: lane }], []);
  return withoutNewSessions(match.route, view, judge(match.route, view, trace));
}

/** Where the state is too old for new sessions, nobody is sent away to get one. */
function withoutNewSessions(route: CompiledRoute, view: View, decision: Decision): Decision {
  if (decision.outcome === 'permit' || decision.outcome === 'deny') return decision;
  const lane = tooOldForNew(route.staleness, view);
  if (lane === null) return decision;
  const reason: Reason = { code: 'state_too_old', detail: lane };
  return deny(route.name, [reason, ...decision.reasons], decision.ruleIds);
}

/**
 * The rules, as design.md orders the verdicts: deny, permit or step up, sign in, deny. A trace gets
 * every rule of a kind; without one, the first that settles the matter ends it.
 */
function judge(route: CompiledRoute, view: View, trace: TraceStep[] | null): Decision {
  const denying = findDenying(route.deny, view, trace);
  if (denying !== null) return denyBy(denying, route, view);
  let allowing: CompiledRule | null = null;
  let pending: CompiledRule | null = null;
  for (const rule of route.allow) {
    const value = evaluate(rule, view, trace);
    if (value === 'true') allowing ??= rule;
    if (value === 'pending') pending ??= rule;
    if (allowing !== null && trace === null) break;
  }
  if (allowing !== null) return permitOrStepUp(route, allowing, view, trace);
  if (pending !== null) return signIn(route, pending, [], view);
  return deny(route.name, [...whyNothingAllows(route.allow, view), ...sessionReasons(view)], []);
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
  view: View,
  trace: TraceStep[] | null,
): Decision {
  let untilMs = Math.min(factsUntilMs(view), budgetUntilMs(route.staleness, view));
  const unmet: CompiledStepUpRule[] = [];
  for (const rule of route.stepUp) {
    const value = evaluate(rule, view, trace);
    if (value === 'false' || value === 'pending') continue;
    const met = rule.requirement.met(view);
    trace?.push({ step: 'requirement', rule: rule.id, value: met });
    if (met === 'true') untilMs = Math.min(untilMs, rule.requirement.untilMs(view));
    else unmet.push(rule);
  }
  const unconfirmed = unconfirmedLanes(route.staleness, view, trace);
  if (unmet.length === 0 && unconfirmed.length === 0) return permit(route, allowing, untilMs);
  return view.session === null
    ? signIn(route, allowing, unmet, view)
    : stepUp(route, unmet, unconfirmed, view);
}

/** Until the session or the certificate of the device ends, if there is one. */
function factsUntilMs({ facts: { device }, session }: View): number {
  return Math.min(
    session === null ? Number.MAX_SAFE_INTEGER : session.expiresAtMs,
    device.kind === 'known' ? device.certificateNotAfterMs : Number.MAX_SAFE_INTEGER,
    Number.MAX_SAFE_INTEGER,
  );
}

function permit(route: CompiledRoute, rule: CompiledRule, untilMs: number): Permit {
  const verdict: Pick<Permit, 'outcome' | 'route' | 'reasons' | 'ruleIds' | 'untilMs'> = {
    outcome: 'permit',
    route: route.name,
    reasons: rule.reasons,
    ruleIds: rule.ids,
    untilMs,
  };
  return verdict as Permit;
}

function stepUp(
  route: CompiledRoute,
  rules: readonly CompiledStepUpRule[],
  unconfirmed: readonly CompiledBudget[],
  view: View,
): StepUp {
  const stale = unconfirmed.map(({ lane }): Reason => ({ code: 'state_stale', detail: lane }));
  const young = unconfirmed.map((budget) => ({
    maxAgeSeconds: confirmedWithinSeconds(budget, view),
  }));
  return {
    outcome: 'step_up',
    route: route.name,
    reasons: [...rules.flatMap((rule) => rule.reasons), ...stale],
    ruleIds: rules.map((rule) => rule.id),
    require: strictest([...rules.map((rule) => rule.requirement.wanted), ...young]),
  };
}

function signIn(
  route: CompiledRoute,
  allowing: CompiledRule,
  stepUps: readonly CompiledStepUpRule[],
  view: View,
): SignIn {
  const required: Reason = { code: 'session_required', detail: allowing.id };
  return {
    outcome: 'sign_in',
    route: route.name,
    reasons: [...sessionReasons(view), required, ...stepUps.flatMap((rule) => rule.reasons)],
    ruleIds: [allowing, ...stepUps].map((rule) => rule.id),
  };
}

function deny(route: string | null, reasons: readonly Reason[], ruleIds: readonly string[]): Deny {
  return { outcome: 'deny', route, reasons, ruleIds };
}
