import type { Candidates } from './candidates.ts';
import type { Reason } from './decision.ts';
import { mostHelpful, type ReasonCode } from './reasons.ts';
import type { CompiledRule } from './rules.ts';
import type { View } from './view.ts';

/**
 * Why no allow rule let the request through, in the words most useful to the person: the facts that
 * could not be read, or the one thing that kept a rule from matching. Only where a rule failed for
 * a single reason is that reason told; with two, changing one thing would not help.
 */
export function whyNothingAllows(candidates: Candidates, view: View): readonly Reason[] {
  // One reason of each code, that of the first rule by id, so that their order does not matter.
  const found = new Map<ReasonCode, Reason>();
  for (const rule of candidates.of('allow')) {
    const code = whyNot(rule, view);
    const [reason] = code === 'holds' ? missingFacts(rule, view) : [];
    if (reason !== undefined && !found.has(reason.code)) found.set(reason.code, reason);
    if (code !== null && code !== 'holds' && !found.has(code)) {
      found.set(code, { code, detail: rule.id });
    }
  }
  if (!found.has('group_missing')) {
    const rule = candidates.nearMisses().find((one) => whyNot(one, view) === 'group_missing');
    if (rule !== undefined) found.set('group_missing', { code: 'group_missing', detail: rule.id });
  }
  const told = mostHelpful.flatMap((code) => found.get(code) ?? []);
  return told.length > 0 ? told : [{ code: 'no_rule_allows' }];
}

/**
 * The one reason for which the rule is false; null: there are several, or none to tell; `holds`:
 * it is not false.
 */
function whyNot({ conditions }: CompiledRule, view: View): ReasonCode | 'holds' | null {
  let found: ReasonCode | 'holds' = 'holds';
  for (const condition of conditions) {
    if (condition.holds(view) !== 'false') continue;
    const code = condition.reason?.(view) ?? null;
    if (code === null || (found !== 'holds' && found !== code)) return null;
    found = code;
  }
  return found;
}

/** The facts without which the rule is unknown, whatever the order in which they are asked for. */
export function missingFacts(rule: CompiledRule, view: View): readonly Reason[] {
  return rule.conditions
    .filter((condition) => condition.holds(view) === 'unknown')
    .map((condition) => condition.fact?.(view) ?? condition.field)
    .sort()
    .map((detail) => ({ code: 'fact_missing', detail }));
}

/** Why there is no session where there was one. */
export function sessionReasons({ facts: { session }, session: live }: View): readonly Reason[] {
  if (session.kind === 'none' || live !== null) return [];
  const revoked = session.kind === 'ended' && session.why === 'revoked';
  return [{ code: revoked ? 'session_ended' : 'session_expired' }];
}
