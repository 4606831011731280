import fc, { type Arbitrary } from 'fast-check';
import type { AllowRule, DenyRule, Policy, StepUpRule } from '../src/index.ts';
import { conditionsIn, namedIn, type Scope, serviceConditionsIn, signIns } from './conditions.ts';

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

export const policyNames: string[] = ['p0', 'p1', 'p2'];

export function policiesIn(scope: Scope): Arbitrary<Policy[]> {
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
