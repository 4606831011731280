import { compileRequirement, type Requirement } from './conditions/authentication.ts';
import type { Condition, RuleKind } from './conditions/condition.ts';
import { conditionFields } from './conditions/index.ts';
import { signedIn } from './conditions/session.ts';
import type { Reason } from './decision.ts';
import type { NamedConditions, PlacedCondition } from './named-conditions.ts';
import {
  below,
  complain,
  type Fields,
  type Place,
  readFields,
  readFlag,
  readName,
} from './read.ts';
import type { ReasonCode } from './reasons.ts';
import type { TraceStep } from './trace.ts';
import { and, type Truth } from './truth.ts';
import type { View } from './view.ts';

/** A rule ready to be evaluated. All of its conditions must hold. */
export interface CompiledRule {
  /** `<policy>/<kind>/<name>`, and alone in a list, so that a verdict need not make one. */
  readonly id: string;
  readonly ids: readonly string[];
  readonly kind: RuleKind;
  readonly conditions: readonly Condition[];
  /** `changesAtMs` of the conditions that have one. */
  readonly timed: readonly ((view: View) => number)[];
  /** That evaluating it may take at the most, as conditions count them. */
  readonly steps: number;
  /** Its place among all rules of the policy set by id. */
  readonly order: number;
  /** The reasons of a verdict that this rule makes alone. */
  readonly reasons: readonly Reason[];
}

export interface CompiledStepUpRule extends CompiledRule {
  readonly requirement: Requirement;
}

const ruleFields: readonly string[] = [...conditionFields, 'conditions'];

const reasonOfKind: Record<RuleKind, ReasonCode> = {
  allow: 'rule_allowed',
  deny: 'rule_denied',
  stepUp: 'step_up_required',
};

/** Compiles an allow or deny rule of a policy; null, and problems, where it is not valid. */
export function compileRule(
  value: unknown,
  place: Place,
  policy: string,
  kind: 'allow' | 'deny',
  named: NamedConditions,
): CompiledRule | null {
  const optional = kind === 'allow' ? [...ruleFields, 'anonymous'] : ruleFields;
  const fields = readFields(value, place, ['name'], optional);
  if (fields === null) return null;
  const placed = compileConditions(fields, place, policy, kind, named);
  const needsSession =
    kind === 'allow' && !isAnonymous(fields, place, placed) && !isForServices(placed);
  const conditions = placed.map(({ condition }) => condition);
  return ruleOf(fields, place, policy, kind, needsSession ? [signedIn, ...conditions] : conditions);
}

/** Compiles a step-up rule of a policy; null, and problems, where it is not valid. */
export function compileStepUpRule(
  value: unknown,
  place: Place,
  policy: string,
  named: NamedConditions,
): CompiledStepUpRule | null {
  const fields = readFields(value, place, ['name', 'require'], ruleFields);
  if (fields === null) return null;
  const placed = compileConditions(fields, place, policy, 'stepUp', named);
  const conditions = placed.map(({ condition }) => condition);
  const requirement = compileRequirement(fields.get('require'), below(place, 'require'));
  const rule = ruleOf(fields, place, policy, 'stepUp', conditions);
  return rule === null || requirement === null ? null : { ...rule, requirement };
}

function ruleOf(
  fields: Fields,
  place: Place,
  policy: string,
  kind: RuleKind,
  conditions: readonly Condition[],
): CompiledRule | null {
  const name = readName(fields.get('name'), below(place, 'name'));
  if (name === null) return null;
  const id = `${policy}/${kind}/${name}`;
  const reasons = Object.freeze([Object.freeze({ code: reasonOfKind[kind], detail: id })]);
  const timed = conditions.flatMap(({ changesAtMs }) => changesAtMs ?? []);
  const steps = conditions.reduce((sum, one) => sum + (one.steps ?? 0), 0);
  return { id, ids: Object.freeze([id]), kind, conditions, timed, steps, order: 0, reasons };
}

/** A service is nobody who signs in, so no rule may ask for both. */
function compileConditions(
  fields: Fields,
  place: Place,
  policy: string,
  kind: RuleKind,
  named: NamedConditions,
): readonly PlacedCondition[] {
  const placed = named.compile(fields, place, policy, kind);
  if (isForServices(placed)) refuseUsers(placed, place, 'asks for a user in a rule about services');
  return placed;
}

function isForServices(placed: readonly PlacedCondition[]): boolean {
  return placed.some(({ condition }) => condition.keys?.by === 'service');
}

function refuseUsers(placed: readonly PlacedCondition[], place: Place, message: string): void {
  for (const { field, condition } of placed) {
    if (condition.aboutUser === true) complain(below(place, field), message);
  }
}

/**
 * Whether an allow rule does without a session. One that says neither this nor any condition is
 * refused: access for everybody is never the result of having left something out.
 */
function isAnonymous(fields: Fields, place: Place, placed: readonly PlacedCondition[]): boolean {
  const written = fields.has('anonymous')
    ? readFlag(fields.get('anonymous'), below(place, 'anonymous'))
    : false;
  const anonymous = written === true;
  if (!anonymous && !ruleFields.some((field) => fields.has(field))) {
    complain(place, 'an allow rule needs a condition, or anonymous: true');
  }
  if (anonymous) refuseUsers(placed, place, 'asks for a user in a rule that says anonymous: true');
  return anonymous;
}

/**
 * What the rule's conditions come to. A trace gets every condition; without one, the first false
 * condition ends the matter.
 */
export function evaluate(rule: CompiledRule, view: View, trace: TraceStep[] | null): Truth {
  if (trace !== null) return evaluateAll(rule, view, trace);
  let value: Truth = 'true';
  for (const condition of rule.conditions) {
    value = and(value, condition.holds(view));
    if (value === 'false') break;
  }
  return value;
}

function evaluateAll(rule: CompiledRule, view: View, trace: TraceStep[]): Truth {
  const conditions = rule.conditions.map(({ field, holds }) => ({ field, value: holds(view) }));
  const value = conditions.reduce<Truth>((all, one) => and(all, one.value), 'true');
  trace.push({ step: 'rule', rule: rule.id, kind: rule.kind, value, conditions });
  return value;
}
