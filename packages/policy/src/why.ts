import type { Reason } from './decision.ts';
import type { ReasonCode } from './reasons.ts';
import type { CompiledRule } from './rules.ts';
import type { View } from './view.ts';

/**
 * Why no allow rule let the request through, in the words most useful to the person: the facts that
 * could not be read, or the one thing that kept a rule from matching. Only where a rule failed for
 * a single reason is that reason told; with two, changing one thing would not help.
 */
export function whyNothingAllows(rules: readonly CompiledRule[], view: View): readonly Reason[] {
  const reasons: Reason[] = [];
  for (const rule of rules) {
    const failed = rule.conditions.filter((condition) => condition.holds(view) === 'false');
    if (failed.length === 0) reasons.push(...missingFacts(rule, view));
    const codes = new Set(failed.map((condition) => condition.reason?.(view) ?? null));
    const [code] = codes;
    if (codes.size === 1 && code) reasons.push({ code, detail: rule.id });
  }
  const told = mostUseful.flatMap((code) => reasons.find((reason) => reason.code === code) ?? []);
  return told.length > 0 ? told : [{ code: 'no_rule_allows' }];
}

/** One reason of each code, in this order, so that the order of rules does not matter. */
const mostUseful: readonly ReasonCode[] = [
  'fact_missing',
  'device_certificate_missing',
  'session_without_device',
  'device_unmanaged',
  'device_not_owned',
  'group_missing',
];

/** The facts without which the rule is unknown. */
export function missingFacts(rule: CompiledRule, view: View): readonly Reason[] {
  return rule.conditions
    .filter((condition) => condition.holds(view) === 'unknown')
    .map((condition) => ({ code: 'fact_missing', detail: condition.fact ?? condition.field }));
}

/** Why there is no session where there was one. */
export function sessionReasons({ facts: { session }, session: live }: View): readonly Reason[] {
  if (session.kind === 'none' || live !== null) return [];
  const revoked = session.kind === 'ended' && session.why === 'revoked';
  return [{ code: revoked ? 'session_ended' : 'session_expired' }];
}
