import { Candidates } from './candidates.ts';
import { checks } from './checks.ts';
import type { Decision, Reason } from './decision.ts';
import type { Facts } from './facts.ts';
import { judge } from './judge.ts';
import { type CompiledPolicySet, canonicalSegments, findRoute } from './route.ts';
import { type CompiledRoute, nothing } from './route-table.ts';
import { tooOldForAll, tooOldForNew, traceStaleness, unconfirmedLanes } from './staleness.ts';
import type { TraceStep } from './trace.ts';
import { deny, permit, permitUntilMs, signIn, stepUp } from './verdicts.ts';
import { View } from './view.ts';

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

  const view = new View(compiled, facts, segments);
  for (const check of checks) {
    const reason = check.refuses(view);
    trace?.push({ step: 'check', check: check.name, reason });
    if (reason !== null) return deny(name, [{ code: reason }], []);
  }
  const { staleness } = match.route;
  if (trace !== null) traceStaleness(staleness, view, trace);
  const lane = tooOldForAll(staleness, view);
  if (lane !== null) return deny(name, [{ code: 'state_too_old', detail: lane }], []);
  const candidates = new Candidates(match.route.policies, view);
  const decision = judge(match.route, candidates, view, trace);
  const watched = letThrough(match.route, decision, candidates, view, trace);
  return withoutNewSessions(match.route, view, watched);
}

/**
 * What rules deny on a route that only watches them is let through, and it is told. Nobody unknown
 * is let in by that, nor anybody whose session the age of the state leaves open.
 */
function letThrough(
  route: CompiledRoute,
  decision: Decision,
  candidates: Candidates,
  view: View,
  trace: TraceStep[] | null,
): Decision {
  const { monitorUntilMs, staleness } = route;
  if (decision.outcome !== 'deny' || !(view.facts.nowMs < monitorUntilMs)) return decision;
  trace?.push({ step: 'monitor', untilMs: monitorUntilMs });
  if (view.session === null && view.service === null) return signIn(route, null, [], view);
  const unconfirmed = unconfirmedLanes(staleness, view, trace);
  if (unconfirmed.length > 0) return stepUp(route, [], unconfirmed, view);
  const { reasons, ruleIds } = decision;
  return permit(route, {
    reasons: watching,
    ruleIds: none,
    untilMs: Math.min(permitUntilMs(route, candidates, view), monitorUntilMs),
    wouldDeny: { reasons, ruleIds },
  });
}

const watching: readonly Reason[] = Object.freeze([Object.freeze({ code: 'monitor_mode' })]);
const none: readonly string[] = Object.freeze([]);

/** Where the state is too old for new sessions, nobody is sent away to get one. */
function withoutNewSessions(route: CompiledRoute, view: View, decision: Decision): Decision {
  if (decision.outcome === 'permit' || decision.outcome === 'deny') return decision;
  const lane = tooOldForNew(route.staleness, view);
  if (lane === null) return decision;
  const reason: Reason = { code: 'state_too_old', detail: lane };
  return deny(route.name, [reason, ...decision.reasons], decision.ruleIds);
}
