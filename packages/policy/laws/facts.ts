import fc, { type Arbitrary } from 'fast-check';
import type { Facts, RequestFacts, StalenessFacts } from '../src/index.ts';
import { sessionsAndUsers } from './people.ts';
import {
  addresses,
  asns,
  countries,
  headerNames,
  methods,
  mostly,
  nowMs,
  paths,
  regions,
  signals,
  waysOut,
} from './words.ts';

/**
 * Policy sets and facts out of few words, so that rules and requests meet often. A policy set from
 * here always compiles.
 */

/** Facts out of few words, so that rules and requests meet often. */

const hosts = ['a.test', 'x.a.test', 'y.a.test', 'x.y.a.test'];

const headerLines = fc.constantFrom('admin', 'user', 'admin,user', ' user , admin', '');

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
