import type { RuleConditions } from '../model.ts';
import { asns } from './asn.ts';
import { authentication } from './authentication.ts';
import type { ConditionKind } from './condition.ts';
import { countries } from './country.ts';
import { device } from './device.ts';
import { egress } from './egress.ts';
import { employment } from './employment.ts';
import { groups } from './group.ts';
import { headers } from './header.ts';
import { methods } from './method.ts';
import { paths } from './path.ts';
import { pathsMatching } from './path-matching.ts';
import { risk } from './risk.ts';
import { services } from './service.ts';
import { sourceNetworks } from './source-network.ts';
import { time } from './time.ts';
import { users } from './user.ts';
import { notAfter, notBefore } from './validity.ts';
import { when } from './when.ts';

/** A field of a rule that is a condition of its own; `conditions` stands for others (named-conditions.ts). */
export type ConditionField = Exclude<keyof RuleConditions, 'conditions'>;

/**
 * Every kind of condition, by the field of the rule it is written in, in the order in which they
 * are evaluated: what is cheap and rules out most comes first. What a step-up rule requires
 * (authentication.ts) and the session of an allow rule (session.ts) are added by rules.ts.
 */
export const conditionKinds: { readonly [Field in ConditionField]-?: ConditionKind } = {
  methods,
  paths,
  services,
  sourceNetworks,
  device,
  users,
  groups,
  employment,
  notBefore,
  notAfter,
  countries,
  asns,
  egress,
  risk,
  authentication,
  time,
  headers,
  pathsMatching,
  when,
};

/** In the order in which they are evaluated. */
export const conditionFields: readonly ConditionField[] = Object.keys(
  conditionKinds,
) as ConditionField[];
