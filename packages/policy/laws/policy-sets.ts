import fc, { type Arbitrary } from 'fast-check';
import type { PolicySet, ServiceIdentity, StalenessBudgets } from '../src/index.ts';
import type { Scope } from './conditions.ts';
import { policiesIn, policyNames } from './policy-rules.ts';
import { routes } from './routes.ts';
import { maybe, serviceNames } from './words.ts';

/**
 * Policy sets out of few words, so that rules and requests meet often. A policy set from here always
 * compiles.
 */

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
