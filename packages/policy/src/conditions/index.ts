import type { RuleConditions } from '../model.ts';
import type { ConditionKind } from './condition.ts';
import { device } from './device.ts';
import { groups } from './group.ts';
import { methods } from './method.ts';
import { paths } from './path.ts';
import { sourceNetworks } from './source-network.ts';
import { users } from './user.ts';

/**
 * Every kind of condition, by the field of the rule it is written in, in the order in which they
 * are evaluated: what is cheap and rules out most comes first. What a step-up rule requires
 * (authentication.ts) and the session of an allow rule (session.ts) are added by rules.ts.
 */
export const conditionKinds: { readonly [Field in keyof RuleConditions]-?: ConditionKind } = {
  methods,
  paths,
  sourceNetworks,
  device,
  users,
  groups,
};

export const conditionFields: readonly (keyof RuleConditions)[] = Object.keys(
  conditionKinds,
) as (keyof RuleConditions)[];
