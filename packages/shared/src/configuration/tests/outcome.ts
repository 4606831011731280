import type { Decision, PathProblem, ReasonCode } from '@sallyport/policy';
import type { DocumentTest } from '../documents.ts';

export type Expected = DocumentTest['expect'];

/** What came of a test. */
export type Outcome =
  | {
      readonly outcome: Decision['outcome'];
      readonly route: string | null;
      /** The deciding one first. */
      readonly reasons: readonly ReasonCode[];
      readonly ruleIds: readonly string[];
      /** Let through by monitor mode alone; reasons and rules are those of the denial. */
      readonly wouldDeny: boolean;
    }
  /** An edge would not look at such an address. */
  | { readonly outcome: 'refused'; readonly problem: PathProblem | 'host' };

/** A decision as tests speak of it. */
export function outcomeOf(decision: Decision): Outcome {
  const { outcome, route } = decision;
  const monitored = outcome === 'permit' ? decision.wouldDeny : null;
  const { reasons, ruleIds } = monitored ?? decision;
  return {
    outcome,
    route,
    reasons: reasons.map(({ code }) => code),
    ruleIds,
    wouldDeny: monitored !== null,
  };
}

/** How the outcome is not what was expected, in sentences; none: it is. */
export function differences(expected: Expected, got: Outcome, policy: string | null): string[] {
  if (got.outcome === 'refused') {
    return [`expected ${expected.outcome}, but the address is refused (${got.problem})`];
  }
  const found: string[] = [];
  const outcome = asRulesSay(expected, got);
  if (outcome !== expected.outcome) {
    found.push(`expected ${expected.outcome}, got ${outcome} (${got.reasons.join(', ')})`);
  }
  if (expected.wouldDeny !== undefined && expected.wouldDeny !== got.wouldDeny) {
    found.push(
      expected.wouldDeny
        ? 'expected that monitor mode lets it through, and it has no part in this'
        : 'expected that rules let it through, and only monitor mode does',
    );
  }
  const { reason } = expected;
  if (reason !== undefined && !got.reasons.includes(reason)) {
    found.push(`expected the reason ${reason}, got ${got.reasons.join(', ')}`);
  }
  const rule = expected.rule === undefined ? null : wholeRuleId(expected.rule, policy);
  if (rule !== null && !got.ruleIds.includes(rule)) {
    found.push(`expected the rule ${rule}, got ${got.ruleIds.join(', ') || 'none'}`);
  }
  return found;
}

/**
 * Tests speak of what the rules say, so that a route can be put into monitor mode, and out of it,
 * without another word in them; unless they say `wouldDeny`.
 */
function asRulesSay(expected: Expected, got: Exclude<Outcome, { outcome: 'refused' }>): string {
  return got.wouldDeny && expected.wouldDeny === undefined ? 'deny' : got.outcome;
}

/** `allow/name` is one of the policy that the test stands in. */
export function wholeRuleId(rule: string, policy: string | null): string {
  return policy !== null && rule.split('/').length === 2 ? `${policy}/${rule}` : rule;
}
