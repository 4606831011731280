import fc, { type Arbitrary } from 'fast-check';
import type {
  DeviceRule,
  NamedCondition,
  PostureRule,
  RuleConditions,
  TimeWindow,
} from '../src/index.ts';
import { expressions } from './expressions.ts';
import {
  amr,
  asns,
  countries,
  groupNames,
  headerNames,
  headerValues,
  instants,
  maybe,
  methods,
  networks,
  pathPatterns,
  postureNames,
  postureValues,
  serviceNames,
  signals,
  some,
  userIds,
  waysOut,
  zones,
} from './words.ts';

/** Conditions of rules. Everything from here compiles, and stands for itself in a rule. */

interface Part {
  readonly field: keyof RuleConditions;
  readonly value: unknown;
}

/** What conditions may be about. */
export interface Scope {
  /** The user and the sign-in too. */
  readonly users: boolean;
  /** What time alone may change: `all`; all but expressions that look at the time; or nothing. */
  readonly time: 'all' | 'told' | 'none';
  /** Named conditions too. */
  readonly named: boolean;
}

/** Up to three conditions. */
export function conditionsIn(scope: Scope): Arbitrary<RuleConditions> {
  const weighted = [...aboutRequest(scope), ...(scope.users ? aboutUser(scope) : [])];
  return fc
    .uniqueArray(fc.oneof(...weighted), { selector: ({ field }) => field, maxLength: 3 })
    .map((parts) => Object.fromEntries(parts.map(({ field, value }) => [field, value])));
}

/** Named conditions that every policy has: `request`, and `any`, which may ask for the user. */
export function namedIn(scope: Scope): Arbitrary<NamedCondition[]> {
  const isGiven = (conditions: RuleConditions): boolean => Object.keys(conditions).length > 0;
  const unnamed = { ...scope, named: false };
  return fc
    .tuple(
      conditionsIn({ ...unnamed, users: false }).filter(isGiven),
      conditionsIn(unnamed).filter(isGiven),
      fc.constantFrom([], [], ['request'], ['p0/request', 'request']),
    )
    .map(([request, any, others]) => [
      { name: 'request', ...request },
      { name: 'any', ...any, ...(others.length > 0 ? { conditions: others } : {}) },
    ]);
}

/** About a service: it has no user. */
export function serviceConditionsIn(scope: Scope): Arbitrary<RuleConditions> {
  return fc
    .tuple(conditionsIn({ ...scope, users: false }), some(serviceNames))
    .map(([conditions, services]) => ({ ...conditions, services }));
}

type Weighted = { readonly weight: number; readonly arbitrary: Arbitrary<Part> };

function part(field: keyof RuleConditions, weight: number, value: Arbitrary<unknown>): Weighted {
  return { weight, arbitrary: value.map((found) => ({ field, value: found })) };
}

function aboutRequest({ users, time, named }: Scope): Weighted[] {
  const plain = expressions.filter((one) => !one.aboutUser && (time === 'all' || !one.timed));
  return [
    part('methods', 4, some(methods)),
    part('paths', 8, fc.array(pathPatterns, { minLength: 1, maxLength: 2 })),
    part('sourceNetworks', 2, some(networks)),
    part('device', 4, deviceRules(users, time !== 'none')),
    part('countries', 1, some(countries)),
    part('asns', 1, some(asns)),
    part('egress', 1, some(waysOut)),
    part('risk', 1, riskRules),
    part('headers', 2, headerRules),
    part('pathsMatching', 1, some(['/a', '/a/.*', '/(a|b)(/c:d)?', '/b+/?.*', '.*é'])),
    ...(named
      ? [part('conditions', 3, users ? some(['any', 'request', 'p1/any']) : some(['request']))]
      : []),
    part('when', 2, fc.constantFrom(...plain.map(({ text }) => text))),
    ...(time === 'none'
      ? []
      : [
          part('time', 2, fc.array(windows, { minLength: 1, maxLength: 2 })),
          part('notBefore', 1, fc.constantFrom(...instants)),
          part('notAfter', 1, fc.constantFrom(...instants)),
        ]),
  ];
}

function aboutUser({ time }: Scope): Weighted[] {
  const others = expressions.filter((one) => one.aboutUser && (time === 'all' || !one.timed));
  const classes = maybe('class', some(['employee', 'contractor'] as const));
  return [
    part('users', 6, some([...userIds, 'U-1@Corp.test', 'u-2@corp.test'])),
    part('groups', 8, some(groupNames)),
    part(
      'employment',
      1,
      time === 'none'
        ? fc.record({ class: some(['employee', 'contractor'] as const) })
        : parts<object>(classes, maybe('ended', fc.boolean())),
    ),
    part('authentication', 1, time === 'none' ? fc.record({ amr: some(amr) }) : signIns),
    part('when', 1, fc.constantFrom(...others.map(({ text }) => text))),
  ];
}

/** What is asked of a sign-in. */
export const signIns: Arbitrary<{ maxAge?: string; amr?: string[] }> = parts(
  maybe('maxAge', fc.constantFrom('1s', '5m', '15m')),
  maybe('amr', some(amr)),
);

function deviceRules(users: boolean, timed: boolean): Arbitrary<DeviceRule> {
  const never = fc.constant({});
  return parts<DeviceRule>(
    maybe('known', fc.boolean()),
    maybe('managed', fc.boolean()),
    users ? maybe('ownedByUser', fc.boolean()) : never,
    maybe('posture', fc.array(postureRules(timed), { minLength: 1, maxLength: 2 }), 4),
    timed ? maybe('certificateMaxAge', fc.constantFrom('1s', '5m', '1d'), 4) : never,
  ).map((rule) => (rule.known === false ? { known: false } : rule));
}

function postureRules(timed: boolean): Arbitrary<PostureRule> {
  const wanted = fc.oneof(
    fc.record({ is: fc.constantFrom(...postureValues) }),
    fc.record({ in: some(['13', '14', 'on']) }),
    fc.record({ atLeast: fc.constantFrom(1, 13) }),
    fc.record({ atLeast: fc.constantFrom(1, 13), atMost: fc.constantFrom(13, 14) }),
  );
  const age = timed ? maybe('maxAge', fc.constantFrom('1s', '5m', '1d')) : fc.constant({});
  return fc
    .tuple(fc.constantFrom(...postureNames), wanted, age)
    .map(([name, found, more]) => ({ name, ...found, ...more }));
}

const riskRules = parts<object>(
  maybe('atLeast', fc.constantFrom(0, 10, 40)),
  maybe('below', fc.constantFrom(50, 100)),
  maybe('signals', some(signals)),
);

const headerRules = fc.array(
  fc.record({ name: fc.constantFrom(...headerNames), is: some(headerValues) }),
  { minLength: 1, maxLength: 2 },
);

const clocks = fc.constantFrom('00:00', '03:00', '08:00', '09:00', '17:30');
const days = ['mon', 'thu', 'fri', 'sat'] as const;
const windows: Arbitrary<TimeWindow> = fc
  .tuple(maybe('days', some(days)), clocks, clocks, fc.constantFrom(...zones))
  .map(([which, from, to, zone]) => ({ ...which, from, to, zone }));

/** All parts together, of which at least one is given. */
function parts<Whole extends object>(...all: Arbitrary<object>[]): Arbitrary<Whole> {
  return fc
    .tuple(...all)
    .map((found) => Object.assign({}, ...found) as Whole)
    .filter((whole) => Object.keys(whole).length > 0);
}
