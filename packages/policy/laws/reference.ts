import type {
  AllowRule,
  Decision,
  Facts,
  Policy,
  PolicySet,
  Route,
  RuleConditions,
  StalenessBudgets,
  StalenessFacts,
} from '../src/index.ts';
import { all, type Known, type Live } from './known.ts';
import {
  holds,
  lookUp,
  matches,
  milliseconds,
  type Names,
  signedIn,
} from './reference-conditions.ts';

/**
 * The decision as the design words it, slowly: every match and every rule is looked at, nothing is
 * compiled, nothing is shared with the code it is compared to. Wants a valid policy set and a
 * canonical host and path.
 */

export interface ReferenceVerdict {
  readonly outcome: Decision['outcome'];
  readonly route: string | null;
  /** Permitted only because the route watches. */
  readonly watched: boolean;
}

/** What the design says about these facts. */
export function referenceDecide(set: PolicySet, facts: Facts): ReferenceVerdict {
  const { route, methodFound } = findRoute(set, facts);
  if (route === null) return { outcome: 'deny', route: null, watched: false };
  const verdict = (outcome: Decision['outcome'], watched = false) => ({
    outcome,
    route: route.name,
    watched,
  });
  if (!methodFound) return verdict('deny');
  const known = knownOf(set, facts);
  const { session } = known;
  if (refusedBeforeRules(facts, session)) return verdict('deny');
  const is = (threshold: Threshold) => isPast(threshold, set, route, facts.staleness);
  if (is('denyAfter').length > 0) return verdict('deny');
  const outcome = applyRules(set, route, known);
  const watched =
    outcome === 'deny' &&
    route.monitor !== undefined &&
    facts.nowMs < Date.parse(route.monitor.until);
  const isSomebody = session !== null || known.service !== null;
  const through = watched ? (isSomebody ? 'permit' : 'sign_in') : outcome;
  const stale = is('stepUpAfter');
  const asked =
    through === 'permit' && session !== null && !confirmed(stale, session, facts)
      ? 'step_up'
      : through;
  const wantsSession = asked === 'sign_in' || asked === 'step_up';
  if (wantsSession && is('denyNewSessionsAfter').length > 0) return verdict('deny');
  return verdict(asked, watched && asked === 'permit');
}

function knownOf(set: PolicySet, facts: Facts): Known {
  const session =
    facts.session.kind === 'live' && facts.session.expiresAtMs > facts.nowMs ? facts.session : null;
  const user = session !== null && facts.user.kind === 'known' ? facts.user : null;
  const withoutDevice = session !== null && session.deviceId === null;
  const device = facts.device.kind === 'known' && !withoutDevice ? facts.device : null;
  const service =
    set.services?.find(({ devices }) => device !== null && devices.includes(device.id)) ?? null;
  return { facts, session, user, device, service: service?.name ?? null };
}

type Threshold = 'stepUpAfter' | 'denyNewSessionsAfter' | 'denyAfter';

const defaultBudgets = {
  revoke: { stepUpAfter: '2m', denyNewSessionsAfter: '15m', denyAfter: '1h' },
  signals: 'serve',
  config: { denyNewSessionsAfter: '12h' },
  directory: { denyNewSessionsAfter: '12h' },
} as const satisfies StalenessBudgets;

/** Ages of the lanes that are past a threshold; one that is not known is past all there could be. */
function isPast(
  threshold: Threshold,
  set: PolicySet,
  route: Route,
  staleness: StalenessFacts,
): readonly number[] {
  const lanes = ['revoke', 'signals', 'config', 'directory'] as const;
  return lanes.flatMap((lane) => {
    const written = [route.staleness?.[lane], set.staleness?.[lane], defaultBudgets[lane]];
    const ofLane = (one: Threshold): string => {
      for (const budget of written) {
        if (budget === 'serve') return 'serve';
        const found = budget === undefined ? undefined : (budget as StalenessBudget)[one];
        if (found !== undefined) return found;
      }
      return 'serve';
    };
    const age = staleness[`${lane}Ms`];
    if (age === Number.MAX_SAFE_INTEGER) {
      const counts = (['stepUpAfter', 'denyNewSessionsAfter', 'denyAfter'] as const).some(
        (one) => ofLane(one) !== 'serve',
      );
      return counts ? [age] : [];
    }
    const text = ofLane(threshold);
    return text !== 'serve' && age >= milliseconds(text) ? [age] : [];
  });
}

type StalenessBudget = { readonly [one in Threshold]?: string };

function confirmed(staleAges: readonly number[], session: Live, { nowMs }: Facts): boolean {
  const signedInAgo = nowMs - session.authenticatedAtMs;
  return staleAges.every((age) => signedInAgo >= -60_000 && signedInAgo <= age);
}

function applyRules(set: PolicySet, route: Route, known: Known): Decision['outcome'] {
  const names = policiesOf(set, route).map((policy): Names => ({ set, policy }));
  const deny = names.flatMap((at) => at.policy.deny.map((rule) => holds(rule, 'deny', at, known)));
  if (deny.includes(true) || deny.includes('unknown')) return 'deny';
  const allow = names.flatMap((at) =>
    at.policy.allow.map((rule) => {
      const value = holds(rule, 'allow', at, known);
      const needsSession = rule.anonymous !== true && !isForServices(rule, at);
      return needsSession && known.session === null ? all([value, 'pending']) : value;
    }),
  );
  if (allow.includes(true)) {
    const asking = names.some((at) =>
      at.policy.stepUp
        .filter((rule) => [true, 'unknown'].includes(holds(rule, 'stepUp', at, known)))
        .some((rule) => !signedIn(rule.require, known)),
    );
    if (!asking) return 'permit';
    return known.session === null ? 'sign_in' : 'step_up';
  }
  return known.session === null && allow.includes('pending') ? 'sign_in' : 'deny';
}

function isForServices(rule: AllowRule | RuleConditions, names: Names): boolean {
  if (rule.services !== undefined) return true;
  return (rule.conditions ?? []).some((name) => isForServices(...lookUp(name, names)));
}

function policiesOf(set: PolicySet, route: Route): readonly Policy[] {
  const names = [...set.globalPolicies, ...route.policies];
  return set.policies.filter((policy) => names.includes(policy.name));
}

function refusedBeforeRules(facts: Facts, live: Live | null): boolean {
  const { device, user } = facts;
  if (device.kind === 'bad' || device.kind === 'unenrolled' || facts.lockdown) return true;
  if (device.kind === 'known') {
    if (device.blocked !== null || device.certificateNotAfterMs <= facts.nowMs) return true;
  }
  if (live === null) return false;
  const deviceId = device.kind === 'known' ? device.id : null;
  if (live.deviceId !== null && live.deviceId !== deviceId) return true;
  if (user.kind !== 'known' || user.id !== live.userId) return true;
  const endsAtMs = user.employment?.endsAtMs ?? Number.POSITIVE_INFINITY;
  return user.blocked || user.status === 'suspended' || endsAtMs <= facts.nowMs;
}

function findRoute(
  set: PolicySet,
  { request }: Facts,
): { route: Route | null; methodFound: boolean } {
  const all = set.routes.flatMap((route) => route.matches.map((match) => ({ route, match })));
  const exact = all.filter(({ match }) => match.host === request.host);
  const wildcard = `*.${request.host.split('.').slice(1).join('.')}`;
  const ofHost = exact.length > 0 ? exact : all.filter(({ match }) => match.host === wildcard);
  const matching = ofHost.filter(({ match }) => matches(match.path, request.path));
  const ranks = matching.map(({ match }) => rank(match.path));
  const best = ranks.sort().at(0);
  const specific = matching.filter(({ match }) => rank(match.path) === best);
  const taking = specific.find(
    ({ match }) => match.methods === null || match.methods.includes(request.method),
  );
  const first = specific.map(({ route }) => route.name).sort()[0];
  const any = set.routes.find((route) => route.name === first) ?? null;
  return { route: taking?.route ?? any, methodFound: taking !== undefined };
}

/** Sorts before that of a less specific pattern that matches the same path. */
function rank(pattern: string): string {
  const parts = pattern.split('/').filter((part) => part !== '');
  const kinds = parts.map((part) => (part === '**' ? '3' : part.startsWith('{') ? '2' : '1'));
  return `${kinds.join('')}0`;
}
