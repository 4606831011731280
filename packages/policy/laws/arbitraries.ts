import fc, { type Arbitrary } from 'fast-check';
import type {
  AllowRule,
  DenyRule,
  DeviceFacts,
  DeviceRule,
  Facts,
  Policy,
  PolicySet,
  Route,
  RouteMatch,
  SessionFacts,
  StalenessBudgets,
  StalenessFacts,
  StepUpRule,
  UserFacts,
} from '../src/index.ts';

/**
 * Policy sets and facts out of few words, so that rules and requests meet often. A policy set from
 * here always compiles.
 */

const nowMs = 1_800_000_000_000;
const hosts = ['a.test', 'x.a.test', 'y.a.test', 'x.y.a.test'];
const hostPatterns = ['a.test', 'x.a.test', '*.a.test', '*.test', '*.y.a.test'];
const words = ['a', 'b', '%C3%A9', 'c:d'];
const methods = ['GET', 'POST', 'DELETE'];
const userIds = ['u-1', 'u-2', 'u-3'];
const groupNames = ['red', 'green', 'blue', '__proto__'];
const networks = ['10.0.0.0/8', '10.1.0.0/16', '0.0.0.0/0', '2001:db8::/32', '::/0', '10.1.2.3/32'];
const addresses = ['10.1.2.3', '10.9.9.9', '192.0.2.1', '2001:db8::1', 'fe80::1', 'unreadable'];
const amr = ['pwd', 'hwk', 'otp'];

const some = <Value>(values: readonly Value[]): Arbitrary<Value[]> =>
  fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 3 });
const maybe = <Key extends string, Value>(key: Key, value: Arbitrary<Value>) =>
  fc
    .option(value, { nil: undefined })
    .map((found) => (found === undefined ? {} : { [key]: found }));

const segment = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...words) },
  { weight: 1, arbitrary: fc.constant('{any}') },
);

const pathPatterns: Arbitrary<string> = fc
  .tuple(fc.array(segment, { maxLength: 2 }), fc.constantFrom('', '/', '/**', '/**', '/**'))
  .map(([segments, tail]) => `/${segments.join('/')}${tail}`.replace('//', '/'));

/** Canonical paths. */
export const paths: Arbitrary<string> = fc
  .tuple(fc.array(fc.constantFrom(...words), { maxLength: 3 }), fc.boolean())
  .map(([segments, slash]) => `/${segments.join('/')}${slash && segments.length > 0 ? '/' : ''}`);

const deviceRules = fc
  .tuple(
    maybe('known', fc.boolean()),
    maybe('managed', fc.boolean()),
    maybe('ownedByUser', fc.boolean()),
  )
  .map((parts): DeviceRule => Object.assign({}, ...parts) as DeviceRule)
  .filter((rule) => Object.keys(rule).length > 0)
  .filter((rule) => rule.known !== false || (rule.managed !== true && rule.ownedByUser !== true));

const aboutRequest = fc
  .tuple(
    maybe('methods', some(methods)),
    maybe('paths', fc.array(pathPatterns, { minLength: 1, maxLength: 2 })),
    maybe('sourceNetworks', some(networks)),
  )
  .map((parts) => Object.assign({}, ...parts) as Omit<DenyRule, 'name'>);

const aboutAll = fc
  .tuple(
    aboutRequest,
    maybe('users', some([...userIds, 'U-1@Corp.test', 'u-2@corp.test'])),
    maybe('groups', some(groupNames)),
    maybe('device', deviceRules),
  )
  .map((parts) => Object.assign({}, ...parts) as Omit<DenyRule, 'name'>);

const allowRules: Arbitrary<Omit<AllowRule, 'name'>> = fc.oneof(
  { weight: 3, arbitrary: aboutAll.filter((rule) => Object.keys(rule).length > 0) },
  { weight: 1, arbitrary: aboutRequest.map((rule) => ({ ...rule, anonymous: true })) },
);
const requirements = fc.oneof(
  fc.record({ maxAgeSeconds: fc.constantFrom(1, 300, 900) }),
  fc.record({ amr: some(amr) }),
  fc.record({ maxAgeSeconds: fc.constantFrom(1, 300, 900), amr: some(amr) }),
);
const stepUpRules: Arbitrary<Omit<StepUpRule, 'name'>> = fc
  .tuple(aboutAll, requirements)
  .map(([rule, require]) => ({ ...rule, require }));

const named = <Rule>(rules: Arbitrary<Rule>, most: number) =>
  fc
    .array(rules, { maxLength: most, size: 'max' })
    .map((list) => list.map((rule, index) => ({ name: `r${index}`, ...rule })));

const policyNames = ['p0', 'p1', 'p2'];
const policies: Arbitrary<Policy[]> = fc.tuple(
  ...policyNames.map((name) =>
    fc.record({
      name: fc.constant(name),
      allow: named(allowRules, 4),
      deny: named<Omit<DenyRule, 'name'>>(aboutAll, 1),
      stepUp: named(stepUpRules, 3),
    }),
  ),
);

const anyMatches: Arbitrary<RouteMatch[]> = fc.array(
  fc.record({
    host: fc.constantFrom(...hostPatterns),
    path: pathPatterns,
    methods: fc.constantFrom(null, null, ['GET'], ['POST', 'DELETE']),
  }),
  { maxLength: 8 },
);

/** Every host as a whole, most of the time, so that most requests have a route. */
const matches: Arbitrary<RouteMatch[]> = fc
  .tuple(anyMatches, mostly(true, false))
  .map(([all, whole]) => [
    ...all,
    ...hostPatterns.filter(() => whole).map((host) => ({ host, path: '/**', methods: null })),
  ])
  .map(withoutDuplicates);

function withoutDuplicates(all: readonly RouteMatch[]): RouteMatch[] {
  // A slash at the end makes no other pattern.
  const pattern = ({ host, path }: RouteMatch) => `${host} ${path.replace(/(.)\/$/, '$1')}`;
  const divided = new Set(all.filter(({ methods: some }) => some !== null).map(pattern));
  const kept = all.filter((match) => match.methods !== null || !divided.has(pattern(match)));
  const claims = kept.map((match) => [`${pattern(match)} ${match.methods?.[0]}`, match] as const);
  return [...new Map(claims).values()];
}

const routes: Arbitrary<Route[]> = fc
  .tuple(
    matches,
    fc.array(fc.subarray(policyNames, { minLength: 1 }), { minLength: 4, maxLength: 4 }),
    fc.array(fc.nat(3), { minLength: 13, maxLength: 13 }),
  )
  .map(([all, policiesOf, owners]) =>
    policiesOf.map((names, route) => ({
      name: `route-${route}`,
      matches: all.filter((_match, index) => owners[index] === route),
      policies: names,
    })),
  )
  .map((all) => all.filter((route) => route.matches.length > 0));

/** From three ranges that do not meet, the defaults among them, so that any mixture rises. */
const laneBudgets = fc.oneof(
  { weight: 1, arbitrary: fc.constant('serve' as const) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        maybe('stepUpAfter', fc.constantFrom('serve', '1s', '90s', '2m')),
        maybe('denyNewSessionsAfter', fc.constantFrom('serve', '3m', '15m')),
        maybe('denyAfter', fc.constantFrom('serve', '16m', '1h', '1d')),
      )
      .map((parts) => Object.assign({}, ...parts) as object)
      .filter((budget) => Object.keys(budget).length > 0),
  },
);

const budgets: Arbitrary<{ readonly staleness?: StalenessBudgets }> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(
        maybe('revoke', laneBudgets),
        maybe('signals', laneBudgets),
        maybe('config', laneBudgets),
        maybe('directory', laneBudgets),
      )
      .map((parts) => Object.assign({}, ...parts) as StalenessBudgets)
      .filter((staleness) => Object.keys(staleness).length > 0)
      .map((staleness) => ({ staleness })),
  },
);

export const policySets: Arbitrary<PolicySet> = fc
  .tuple(
    fc.record({
      version: fc.nat(),
      routes,
      policies,
      globalPolicies: fc.subarray(policyNames, { maxLength: 1 }),
    }),
    budgets,
    fc.array(budgets, { minLength: 4, maxLength: 4 }),
  )
  .map(([set, ofAll, ofRoutes]) => ({
    ...set,
    ...ofAll,
    routes: set.routes.map((route, index) => ({ ...route, ...ofRoutes[index] })),
  }));

const aroundNow = fc.constantFrom(-1e7, -900_000, -1, 0, 1, 300_000, 1e7).map((by) => nowMs + by);

const devices: Arbitrary<DeviceFacts> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({ kind: 'none' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('bad' as const),
      problem: fc.constantFrom('expired', 'not_yet_valid', 'untrusted', 'unsuitable'),
      certificateSha256: fc.constant('00'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('unenrolled' as const),
      certificateSha256: fc.constant('00'),
    }),
  },
  {
    weight: 30,
    arbitrary: fc.record({
      kind: fc.constant('known' as const),
      id: fc.constantFrom('d-1', 'd-2'),
      managed: fc.boolean(),
      ownerUserId: fc.option(fc.constantFrom(...userIds), { nil: null }),
      certificateSha256: fc.constant('00'),
      certificateNotAfterMs: fc.oneof(
        { weight: 19, arbitrary: fc.constant(nowMs + 1e9) },
        aroundNow,
      ),
      blocked: fc.oneof(
        { weight: 29, arbitrary: fc.constant(null) },
        fc.constantFrom('device' as const, 'certificate' as const),
      ),
    }),
  },
);

function sessionsOn(device: DeviceFacts): Arbitrary<SessionFacts> {
  const its = device.kind === 'known' ? device.id : null;
  return fc.oneof(
    { weight: 5, arbitrary: fc.constant({ kind: 'none' } as const) },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('ended' as const),
        why: fc.constantFrom('revoked', 'expired'),
      }),
    },
    {
      weight: 20,
      arbitrary: fc.record({
        kind: fc.constant('live' as const),
        sid: fc.constant('s'),
        userId: fc.constantFrom(...userIds),
        deviceId: fc.constantFrom(its, its, its, its, its, null, 'd-2'),
        authenticatedAtMs: aroundNow,
        amr: fc.subarray(amr),
        expiresAtMs: fc.oneof(
          { weight: 19, arbitrary: fc.constant(nowMs + 2e9) },
          { weight: 1, arbitrary: aroundNow },
        ),
      }),
    },
  );
}

function usersOf(session: SessionFacts): Arbitrary<UserFacts> {
  const id = session.kind === 'live' ? session.userId : 'u-1';
  return fc.oneof(
    { weight: 1, arbitrary: fc.constant({ kind: 'none' } as const) },
    { weight: 1, arbitrary: fc.constant({ kind: 'missing', id } as const) },
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant('known' as const),
        id: mostly(id, 'u-9'),
        email: fc.constantFrom(`${id}@corp.test`, `${id.toUpperCase()}@CORP.test`),
        groups: fc.subarray(groupNames),
        status: mostly<'active' | 'suspended'>('active', 'suspended'),
        blocked: mostly(false, true),
      }),
    },
  );
}

const sessionsAndUsers = devices.chain((device) =>
  sessionsOn(device).chain((session) =>
    fc.record({
      device: fc.constant(device),
      session: fc.constant(session),
      user: usersOf(session),
    }),
  ),
);

const fresh: StalenessFacts = { revokeMs: 0, signalsMs: 0, configMs: 0, directoryMs: 0 };

/** At, before and behind each threshold that budgets are made of here, and none at all. */
export const ages: Arbitrary<number> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom(0, 1_000, 90_000, 120_000, 180_000, 900_000, 960_000, 3.6e6, 4.32e7, 8.64e7),
      fc.constantFrom(0, 1, 1_000),
    )
    .map(([threshold, before]) => Math.max(0, threshold - before)),
  { weight: 1, arbitrary: fc.constant(Number.MAX_SAFE_INTEGER) },
);

function allLanes(of: Arbitrary<number>) {
  return { revokeMs: of, signalsMs: of, configMs: of, directoryMs: of };
}

export const facts: Arbitrary<Facts> = fc
  .tuple(
    sessionsAndUsers,
    fc.record({
      nowMs: fc.constant(nowMs),
      request: fc.record({
        method: fc.constantFrom(...methods, 'HEAD'),
        host: fc.constantFrom(...hosts),
        path: paths,
      }),
      sourceAddress: fc.constantFrom(...addresses),
      lockdown: mostly(false, true),
      staleness: fc.oneof(
        { weight: 3, arbitrary: fc.constant(fresh) },
        { weight: 1, arbitrary: fc.record(allLanes(ages)) },
      ),
    }),
  )
  .map(([people, request]) => ({ ...people, ...request }));

function mostly<Value>(usual: Value, other: Value): Arbitrary<Value> {
  return fc.oneof(
    { weight: 29, arbitrary: fc.constant(usual) },
    { weight: 1, arbitrary: fc.constant(other) },
  );
}

const pathPieces =
  '/ / / a admin b . .. %2e %2E%2e %2f %5C \\ ;x=1 %3b %00 %0d%0a %c3%a9 %C3%A9 %c0%ae %ff % %25 ' +
  '%252e 2e %u002e # ? %3f %20 ::$DATA : %3A é [ %5b ~ %7e';

/** Paths as clients and attackers write them. */
export const rawPaths: Arbitrary<string> = fc
  .array(fc.constantFrom(' ', ...pathPieces.split(' ')), { maxLength: 10 })
  .map((parts) => `/${parts.join('')}`);
