import type {
  AuthenticationRequirement,
  Decision,
  Facts,
  Policy,
  PolicySet,
  Route,
  RuleConditions,
  StalenessBudgets,
  StalenessFacts,
} from '../src/index.ts';

/**
 * The decision as the design words it, slowly: every match and every rule is looked at, nothing is
 * compiled, nothing is shared with the code it is compared to. Wants a valid policy set and a
 * canonical host and path.
 */

type Value = true | false | 'pending' | 'unknown';
type Live = Extract<Facts['session'], { kind: 'live' }>;
type KnownUser = Extract<Facts['user'], { kind: 'known' }>;
type KnownDevice = Extract<Facts['device'], { kind: 'known' }>;

export interface ReferenceVerdict {
  readonly outcome: Decision['outcome'];
  readonly route: string | null;
}

interface Known {
  readonly facts: Facts;
  readonly session: Live | null;
  readonly user: KnownUser | null;
  readonly device: KnownDevice | null;
}

/** What the design says about these facts. */
export function referenceDecide(set: PolicySet, facts: Facts): ReferenceVerdict {
  const { route, methodFound } = findRoute(set, facts);
  if (route === null) return { outcome: 'deny', route: null };
  const verdict = (outcome: Decision['outcome']) => ({ outcome, route: route.name });
  if (!methodFound) return verdict('deny');
  const live =
    facts.session.kind === 'live' && facts.session.expiresAtMs > facts.nowMs ? facts.session : null;
  if (refusedBeforeRules(facts, live)) return verdict('deny');
  const user = live !== null && facts.user.kind === 'known' ? facts.user : null;
  const withoutDevice = live !== null && live.deviceId === null;
  const device = facts.device.kind === 'known' && !withoutDevice ? facts.device : null;
  const known = { facts, session: live, user, device };
  const is = (threshold: Threshold) => isPast(threshold, set, route, facts.staleness);
  if (is('denyAfter').length > 0) return verdict('deny');
  const outcome = applyRules(policiesOf(set, route), known);
  const asked =
    outcome === 'permit' && live !== null && !confirmed(is('stepUpAfter'), live, facts)
      ? 'step_up'
      : outcome;
  const wantsSession = asked === 'sign_in' || asked === 'step_up';
  return verdict(wantsSession && is('denyNewSessionsAfter').length > 0 ? 'deny' : asked);
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
    const units = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };
    const unit = units[text.slice(-1) as keyof typeof units];
    return text !== 'serve' && age >= Number(text.slice(0, -1)) * unit ? [age] : [];
  });
}

type StalenessBudget = { readonly [one in Threshold]?: string };

function confirmed(staleAges: readonly number[], session: Live, { nowMs }: Facts): boolean {
  const signedInAgo = nowMs - session.authenticatedAtMs;
  return staleAges.every((age) => signedInAgo >= -60_000 && signedInAgo <= age);
}

function applyRules(policies: readonly Policy[], known: Known): Decision['outcome'] {
  const deny = policies.flatMap((policy) => policy.deny.map((rule) => holds(rule, known)));
  if (deny.includes(true) || deny.includes('unknown')) return 'deny';
  const allow = policies.flatMap((policy) =>
    policy.allow.map((rule) => {
      const value = holds(rule, known);
      return rule.anonymous !== true && known.session === null ? all([value, 'pending']) : value;
    }),
  );
  if (allow.includes(true)) {
    const asking = policies
      .flatMap((policy) => policy.stepUp)
      .filter((rule) => [true, 'unknown'].includes(holds(rule, known)))
      .filter((rule) => !isMet(rule.require, known));
    if (asking.length === 0) return 'permit';
    return known.session === null ? 'sign_in' : 'step_up';
  }
  return known.session === null && allow.includes('pending') ? 'sign_in' : 'deny';
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
  return user.blocked || user.status === 'suspended';
}

function holds(rule: RuleConditions, known: Known): Value {
  const { facts, user, device } = known;
  const values: Value[] = [];
  if (rule.methods) values.push(rule.methods.includes(facts.request.method));
  if (rule.paths) values.push(rule.paths.some((path) => matches(path, facts.request.path)));
  if (rule.sourceNetworks) values.push(within(rule.sourceNetworks, facts.sourceAddress));
  if (rule.users) {
    const mine = user === null ? [] : [user.id, user.email.toLowerCase()];
    const wanted = rule.users.map((entry) => (entry.includes('@') ? entry.toLowerCase() : entry));
    values.push(user === null ? 'pending' : wanted.some((entry) => mine.includes(entry)));
  }
  if (rule.groups) {
    values.push(
      user === null ? 'pending' : rule.groups.some((group) => user.groups.includes(group)),
    );
  }
  if (rule.device) {
    const { known: wantKnown, managed, ownedByUser } = rule.device;
    if (wantKnown !== undefined) values.push(wantKnown === (device !== null));
    if (managed !== undefined) values.push(managed === (device?.managed === true));
    const owner = device?.ownerUserId ?? null;
    if (ownedByUser !== undefined && owner === null) values.push(!ownedByUser);
    if (ownedByUser !== undefined && owner !== null) {
      values.push(user === null ? 'pending' : ownedByUser === (owner === user.id));
    }
  }
  return all(values);
}

function all(values: readonly Value[]): Value {
  if (values.includes(false)) return false;
  if (values.includes('unknown')) return 'unknown';
  return values.includes('pending') ? 'pending' : true;
}

function isMet(wanted: AuthenticationRequirement, { session, facts }: Known): boolean {
  if (session === null) return false;
  const age = facts.nowMs - session.authenticatedAtMs;
  if (age < -60_000) return false;
  if (wanted.maxAgeSeconds !== undefined && age >= wanted.maxAgeSeconds * 1000) return false;
  return wanted.amr === undefined || wanted.amr.some((method) => session.amr.includes(method));
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

function matches(pattern: string, path: string): boolean {
  const wanted = pattern.split('/').filter((part) => part !== '');
  const parts = path.split('/').filter((part) => part !== '');
  const rest = wanted.at(-1) === '**';
  if (rest) wanted.pop();
  if (rest ? parts.length < wanted.length : parts.length !== wanted.length) return false;
  return wanted.every((part, index) => part.startsWith('{') || part === parts[index]);
}

function within(networks: readonly string[], address: string): Value {
  const bits = bitsOf(address);
  if (bits === null) return 'unknown';
  return networks.some((network) => {
    const [base = '', prefix = ''] = network.split('/');
    const its = bitsOf(base) ?? '';
    return its.length === bits.length && bits.startsWith(its.slice(0, Number(prefix)));
  });
}

/** An address as a text of ones and zeros; only what the laws use of IPv6 is read. */
function bitsOf(address: string): string | null {
  const binary = (value: number, width: number) => value.toString(2).padStart(width, '0');
  if (/^\d+\.\d+\.\d+\.\d+$/.test(address)) {
    return address
      .split('.')
      .map((part) => binary(Number(part), 8))
      .join('');
  }
  if (!address.includes('::')) return null;
  const [head = [], tail = []] = address.split('::').map((side) => side.split(':').filter(Boolean));
  const middle = Array.from({ length: 8 - head.length - tail.length }, () => '0');
  return [...head, ...middle, ...tail]
    .map((part) => binary(Number.parseInt(part, 16), 16))
    .join('');
}
