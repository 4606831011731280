import { explain, type Facts, type PolicySet, type TraceStep } from '@sallyport/policy';
import { Lru } from '@sallyport/shared/lru';
import { type Question, type ReachSet, reachSet } from './reach-sets.ts';

export interface OpenRule {
  readonly rule: string;
  /** Conditions of it that only a request can answer. */
  readonly needs: readonly string[];
}

/** Whether somebody gets through to a route, as far as can be told without a request. */
export interface Reach {
  /** `with`: where something else holds as well. */
  readonly access: 'always' | 'with' | 'never';
  /** Any one of them lets in, once its needs hold. */
  readonly rules: readonly OpenRule[];
  /** Each of them denies, where its needs hold. */
  readonly unless: readonly OpenRule[];
  /** Rules that may ask for another sign-in. */
  readonly stepUp: readonly string[];
  /** Why not. */
  readonly reasons: readonly string[];
}

/** Of each kind; a person reads no more. */
const rulesMax = 100;

/** Decides on the facts of a subject by what is left of the rules. */
export function reach(set: ReachSet, facts: Facts): Reach {
  const { decision, trace } = explain(set.possible, facts);
  const rules = openRules(set, stepsOf(trace, 'allow', ['true']));
  if (rules.length === 0) return never(decision.reasons.map(({ code }) => code));
  // A rule that cannot be evaluated denies, or asks for more.
  const denying = stepsOf(explain(set.denying, facts).trace, 'deny', ['true', 'unknown']);
  const unless = openRules(set, denying);
  const stepUp = stepsOf(trace, 'stepUp', ['true', 'unknown']);
  // Whoever has no session cannot confirm who they are.
  const cannot = facts.session.kind === 'none' && stepUp.some((rule) => !isOpen(set, rule));
  if (cannot) return never(['step_up_required']);
  const free = rules.some(({ needs }) => needs.length === 0);
  return {
    access: free && unless.length === 0 && stepUp.length === 0 ? 'always' : 'with',
    rules: rules.slice(0, rulesMax),
    unless: unless.slice(0, rulesMax),
    stepUp: stepUp.slice(0, rulesMax),
    reasons: [],
  };
}

function never(reasons: readonly string[]): Reach {
  return { access: 'never', rules: [], unless: [], stepUp: [], reasons };
}

function isOpen({ needs }: ReachSet, rule: string): boolean {
  return (needs.get(rule) ?? []).length > 0;
}

function stepsOf(
  trace: readonly TraceStep[],
  kind: 'allow' | 'deny' | 'stepUp',
  values: readonly string[],
): string[] {
  return trace.flatMap((step) =>
    step.step === 'rule' && step.kind === kind && values.includes(step.value) ? [step.rule] : [],
  );
}

/** Those that need least first. */
function openRules({ needs }: ReachSet, rules: readonly string[]): OpenRule[] {
  return rules
    .map((rule) => ({ rule, needs: needs.get(rule) ?? [] }))
    .sort((a, b) => a.needs.length - b.needs.length || (a.rule < b.rule ? -1 : 1));
}

const setsKept = 4;

/** Reduced policy sets of the questions asked last. */
export class ReachSets {
  readonly #kept = new Lru<string, ReachSet>({ sizeMax: setsKept });

  of(set: PolicySet, question: Question): ReachSet {
    const { subject, path, method } = question;
    const key = `${set.version} ${subject} ${path} ${method}`;
    const kept = this.#kept.get(key);
    if (kept !== undefined) return kept;
    const made = reachSet(set, question);
    this.#kept.set(key, made);
    return made;
  }
}
