import fc, { type Arbitrary } from 'fast-check';
import type {
  AllowRule,
  DenyRule,
  DeviceFacts,
  Facts,
  Policy,
  PolicySet,
  RequestFacts,
  Route,
  RouteMatch,
  ServiceIdentity,
  SessionFacts,
  StalenessBudgets,
  StalenessFacts,
  StepUpRule,
  UserFacts,
} from '../src/index.ts';
import { conditionsIn, namedIn, type Scope, serviceConditionsIn, signIns } from './conditions.ts';
import {
  addresses,
  amr,
  asns,
  countries,
  groupNames,
  headerNames,
  instants,
  maybe,
  methods,
  nowMs,
  pathPatterns,
  paths,
  postureNames,
  postureValues,
  regions,
  serviceNames,
  signals,
  userIds,
  waysOut,
} from './words.ts';

/**
 * Policy sets and facts out of few words, so that rules and requests meet often. A policy set from
 * here always compiles.
 */

const hosts = ['a.test', 'x.a.test', 'y.a.test', 'x.y.a.test'];
const hostPatterns = ['a.test', 'x.a.test', '*.a.test', '*.test', '*.y.a.test'];

function allowRulesIn(scope: Scope): Arbitrary<Omit<AllowRule, 'name'>> {
  const anyone = conditionsIn({ ...scope, users: false });
  return fc.oneof(
    {
      weight: 6,
      arbitrary: conditionsIn(scope).filter((rule) => Object.keys(rule).length > 0),
    },
    { weight: 2, arbitrary: anyone.map((rule) => ({ ...rule, anonymous: true })) },
    { weight: 1, arbitrary: serviceConditionsIn(scope) },
  );
}

function otherRulesIn(scope: Scope): Arbitrary<Omit<DenyRule, 'name'>> {
  return fc.oneof(
    { weight: 8, arbitrary: conditionsIn(scope) },
    { weight: 1, arbitrary: serviceConditionsIn(scope) },
  );
}

function stepUpRulesIn(scope: Scope): Arbitrary<Omit<StepUpRule, 'name'>> {
  return fc.tuple(otherRulesIn(scope), signIns).map(([rule, require]) => ({ ...rule, require }));
}

const named = <Rule>(rules: Arbitrary<Rule>, most: number) =>
  fc
    .array(rules, { maxLength: most, size: 'max' })
    .map((list) => list.map((rule, index) => ({ name: `r${index}`, ...rule })));

const policyNames = ['p0', 'p1', 'p2'];
function policiesIn(scope: Scope): Arbitrary<Policy[]> {
  const [allow, others] = [allowRulesIn(scope), otherRulesIn(scope)];
  const [stepUp, conditions] = [stepUpRulesIn(scope), namedIn(scope)];
  return fc.tuple(
    ...policyNames.map((name) =>
      fc.record({
        name: fc.constant(name),
        allow: named(allow, 4),
        deny: named(others, 1),
        stepUp: named(stepUp, 3),
        conditions,
      }),
    ),
  );
}

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

const monitors = fc.constantFrom<Route['monitor'][]>(
  ...[undefined, undefined, undefined, ...instants.map((until) => ({ until }))],
);

const routes: Arbitrary<Route[]> = fc
  .tuple(
    matches,
    fc.array(monitors, { minLength: 4, maxLength: 4 }),
    fc.array(fc.subarray(policyNames, { minLength: 1 }), { minLength: 4, maxLength: 4 }),
    fc.array(fc.nat(3), { minLength: 13, maxLength: 13 }),
  )
  .map(([all, monitored, policiesOf, owners]) =>
    policiesOf.map((names, route) => ({
      name: `route-${route}`,
      matches: all.filter((_match, index) => owners[index] === route),
      policies: names,
      ...(monitored[route] === undefined ? {} : { monitor: monitored[route] }),
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

const services: Arbitrary<ServiceIdentity[]> = fc.constantFrom(
  serviceNames.map((name) => ({ name, devices: [`d-of-${name}`] })),
  [
    { name: 'runner', devices: ['d-1', 'd-9'] },
    { name: 'backup', devices: ['d-3'] },
  ],
);

function setsIn(scope: Scope): Arbitrary<PolicySet> {
  return fc
    .tuple(
      fc.record({
        version: fc.nat(),
        routes,
        policies: policiesIn(scope),
        globalPolicies: fc.subarray(policyNames, { maxLength: 1 }),
        services,
      }),
      budgets,
      fc.array(budgets, { minLength: 4, maxLength: 4 }),
    )
    .map(([set, ofAll, ofRoutes]) => ({
      ...set,
      ...ofAll,
      routes: set.routes.map((route, index) => ({ ...route, ...ofRoutes[index] })),
    }));
}

export const policySets: Arbitrary<PolicySet> = setsIn({ users: true, time: 'all', named: true });

/** Those in which every condition tells when time may change it. */
export const toldSets: Arbitrary<PolicySet> = setsIn({ users: true, time: 'told', named: true });

/** Those that are about no time, but for the age of a sign-in that is asked for. */
export const timelessSets: Arbitrary<PolicySet> = setsIn({
  users: true,
  time: 'none',
  named: true,
}).map((set) => ({ ...set, routes: set.routes.map(({ monitor: _monitor, ...route }) => route) }));

const headerLines = fc.constantFrom('admin', 'user', 'admin,user', ' user , admin', '');

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
      id: fc.constantFrom('d-1', 'd-2', 'd-3'),
      managed: fc.boolean(),
      ownerUserId: fc.option(fc.constantFrom(...userIds), { nil: null }),
      certificateSha256: fc.constant('00'),
      certificateNotAfterMs: fc.oneof(
        { weight: 19, arbitrary: fc.constant(nowMs + 1e9) },
        aroundNow,
      ),
      blocked: fc.oneof(
        { weight: 29, arbitrary: fc.constant(null) },
        fc.constantFrom('device' as const, 'certificate' as const, 'service' as const),
      ),
      certificateNotBeforeMs: aroundNow,
      posture: fc.uniqueArray(
        fc.record({
          name: fc.constantFrom(...postureNames),
          value: fc.constantFrom(...postureValues, 14, '13'),
          observedAtMs: aroundNow,
        }),
        { selector: ({ name }) => name, maxLength: 2 },
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
        amr: fc.subarray([...amr]),
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
        groups: fc.subarray([...groupNames]),
        status: mostly<'active' | 'suspended'>('active', 'suspended'),
        blocked: mostly(false, true),
        employment: fc.option(
          fc.record({
            class: fc.constantFrom('employee', 'contractor'),
            endsAtMs: fc.constantFrom(
              null,
              null,
              null,
              nowMs + 2e9,
              nowMs + 2e9,
              nowMs + 2e9,
              nowMs + 1,
            ),
          }),
          { nil: null },
        ),
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

const requests: Arbitrary<RequestFacts> = fc.record({
  method: fc.constantFrom(...methods, 'HEAD'),
  host: fc.constantFrom(...hosts),
  path: paths,
  headers: fc.dictionary(fc.constantFrom(...headerNames), fc.array(headerLines, { maxLength: 2 }), {
    maxKeys: 2,
    noNullPrototype: true,
  }),
});

const surroundings = fc
  .record({
    nowMs: fc
      .constantFrom(0, 0, 0, 0, -1, 1, 3_600_000, 34_200_000, 72_000_000)
      .map((by) => nowMs + by),
    sourceAddress: fc.constantFrom(...addresses),
    place: fc.option(
      fc.record({
        country: fc.constantFrom(...countries, null),
        region: fc.constantFrom(...regions, null),
        asn: fc.constantFrom(...asns, null),
        egress: fc.constantFrom(...waysOut, '', null),
      }),
      { nil: null },
    ),
    risk: fc.option(
      fc.record({
        score: fc.constantFrom(0, 10, 39, 49, 50, 100),
        signals: fc.subarray([...signals]),
        // After now, whatever that is.
        untilMs: fc.constantFrom(null, 1, 100, 200_000),
      }),
      { nil: null },
    ),
    lockdown: mostly(false, true),
    staleness: fc.oneof(
      { weight: 3, arbitrary: fc.constant(fresh) },
      { weight: 1, arbitrary: fc.record(allLanes(ages)) },
    ),
  })
  .map(fromNow);

function fromNow<Given extends Pick<Facts, 'nowMs' | 'risk'>>(given: Given): Given {
  const inMs = given.risk?.untilMs ?? null;
  if (given.risk === null || inMs === null) return given;
  return { ...given, risk: { ...given.risk, untilMs: given.nowMs + inMs } };
}

export const facts: Arbitrary<Facts> = fc
  .tuple(sessionsAndUsers, requests, surroundings)
  .map(([people, request, others]) => ({ ...people, request, ...others }));

/** How many facts `manyFacts` gives at once. */
export const factsAtOnce = 192;

/**
 * Many facts at once: every one of some people with every one of some requests, in every one of
 * some surroundings. Made in a small part of the time that as many facts of their own would take.
 */
export const manyFacts: Arbitrary<Facts[]> = fc
  .tuple(several(sessionsAndUsers, 6), several(requests, 8), several(surroundings, 4))
  .map(([people, asked, around]) =>
    people.flatMap((who) =>
      asked.flatMap((request) => around.map((others) => ({ ...who, request, ...others }))),
    ),
  );

function several<Value>(values: Arbitrary<Value>, count: number): Arbitrary<Value[]> {
  return fc.array(values, { minLength: count, maxLength: count });
}

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
