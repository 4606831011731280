import {
  type CompiledPolicySet,
  type Decision,
  explain,
  type Facts,
  type TraceStep,
} from '@sallyport/policy';
import { type AccessRecord, hasWholeFacts } from '@sallyport/shared/access-record';
import type { Executor } from '../store/database.ts';
import type { PolicyVersions } from './versions.ts';

export type Explanation =
  | {
      readonly kind: 'explained';
      readonly decision: Decision;
      readonly trace: readonly TraceStep[];
      /** How the verdict is not the recorded one, in sentences; none: it is the same. */
      readonly differences: readonly string[];
    }
  /** The gate refused before there were facts, or no configuration was there. */
  | { readonly kind: 'nothing_to_explain' }
  /** An edge wrote down what nothing can be decided on. */
  | { readonly kind: 'facts_unreadable' }
  /** The configuration had something taken out of them. */
  | { readonly kind: 'facts_redacted' }
  /** The record names a version that this database does not have. */
  | { readonly kind: 'version_unknown' };

/** Decides again on what was known then, by the version that decided then. */
export async function explainRecord(
  db: Executor,
  versions: PolicyVersions,
  record: AccessRecord,
): Promise<Explanation> {
  const { facts, configVersion } = record;
  if (facts === null || configVersion === null) return { kind: 'nothing_to_explain' };
  if (!hasWholeFacts(record)) return { kind: 'facts_redacted' };
  const found = await versions.find(db, configVersion);
  if (found === null) return { kind: 'version_unknown' };
  try {
    const { decision, trace } = decideAgain(found.policies, facts);
    return { kind: 'explained', decision, trace, differences: differences(decision, record) };
  } catch {
    return { kind: 'facts_unreadable' };
  }
}

/** The walk of `decide` with its steps, on facts as they were recorded. */
export function decideAgain(policies: CompiledPolicySet, facts: Facts) {
  return explain(policies, facts);
}

/**
 * The record has the reasons of the decision first, and then those of what came of it; where the
 * request was refused in spite of it, the other way round.
 */
function differences(decision: Decision, record: AccessRecord): string[] {
  const refused = record.outcome === 'refused';
  const codes = [...new Set(decision.reasons.map((reason): string => reason.code))];
  const recorded = refused
    ? record.reasons.filter((code) => codes.includes(code))
    : record.reasons.slice(0, codes.length);
  const pairs: (readonly [what: string, then: string, now: string])[] = [
    ['outcome', refused ? decision.outcome : record.outcome, decision.outcome],
    ['route', record.route ?? 'none', decision.route ?? 'none'],
    ['reasons', recorded.join(', '), codes.join(', ')],
    ['rules', record.ruleIds.join(', '), decision.ruleIds.join(', ')],
    ['denial let through', denialOf(record), denialOf(decision)],
  ];
  return pairs
    .filter(([, then, now]) => then !== now)
    .map(
      ([what, then, now]) => `${what}: recorded ${then || 'none'}, decided again ${now || 'none'}`,
    );
}

/** Records of older edges have no such member. */
function denialOf(verdict: Decision | Partial<AccessRecord>): string {
  const denial = 'wouldDeny' in verdict ? verdict.wouldDeny : null;
  return denial?.ruleIds.join(', ') ?? '';
}
