import type { ConditionPool } from './conditions/pool.ts';
import {
  below,
  complain,
  type Fields,
  type Place,
  readFields,
  readList,
  readName,
} from './read.ts';
import {
  type CompiledRule,
  type CompiledStepUpRule,
  compileRule,
  compileStepUpRule,
  type RuleKind,
} from './rules.ts';

/** The rules that hold together: those of one policy, or of all policies of a route. */
export interface RuleLists {
  readonly allow: readonly CompiledRule[];
  readonly deny: readonly CompiledRule[];
  readonly stepUp: readonly CompiledStepUpRule[];
}

export type Policies = ReadonlyMap<string, RuleLists>;

/** Compiles all policies, by name. One with problems is there too, so that it counts as known. */
export function compilePolicies(value: unknown, place: Place, pool: ConditionPool): Policies {
  const policies = new Map<string, RuleLists>();
  for (const [index, policy] of (readList(value, place) ?? []).entries()) {
    const at = below(place, index);
    const fields = readFields(policy, at, ['name', 'allow', 'deny', 'stepUp'], []);
    if (fields === null) continue;
    const name = readName(fields.get('name'), below(at, 'name'));
    const lists = compileLists(fields, at, name ?? '', pool);
    if (name === null) continue;
    if (policies.has(name)) complain(below(at, 'name'), `there are two policies named ${name}`);
    policies.set(name, lists);
  }
  return policies;
}

function compileLists(
  fields: Fields,
  place: Place,
  policy: string,
  pool: ConditionPool,
): RuleLists {
  const rules = <Rule extends CompiledRule>(
    kind: RuleKind,
    compileOne: (value: unknown, at: Place) => Rule | null,
  ) => compileRules(fields.get(kind), below(place, kind), compileOne);
  return {
    allow: rules('allow', (rule, at) => compileRule(rule, at, policy, 'allow', pool)),
    deny: rules('deny', (rule, at) => compileRule(rule, at, policy, 'deny', pool)),
    stepUp: rules('stepUp', (rule, at) => compileStepUpRule(rule, at, policy, pool)),
  };
}

function compileRules<Rule extends CompiledRule>(
  value: unknown,
  place: Place,
  compileOne: (value: unknown, at: Place) => Rule | null,
): readonly Rule[] {
  const rules = new Map<string, Rule>();
  for (const [index, entry] of (readList(value, place) ?? []).entries()) {
    const at = below(place, index);
    const rule = compileOne(entry, at);
    if (rule === null) continue;
    if (rules.has(rule.id)) complain(below(at, 'name'), `there are two rules ${rule.id}`);
    rules.set(rule.id, rule);
  }
  return [...rules.values()];
}

/** Reads names of policies. Each must exist; one that is named twice counts once. */
export function readPolicyNames(value: unknown, place: Place, policies: Policies): Set<string> {
  const names = new Set<string>();
  for (const [index, entry] of (readList(value, place) ?? []).entries()) {
    const at = below(place, index);
    const name = readName(entry, at);
    if (name === null) continue;
    if (policies.has(name)) names.add(name);
    else complain(at, `there is no policy named ${name}`);
  }
  return names;
}

/** Makes the rule lists of a route from the names of its policies; the same names, the same lists. */
export function ruleListsOf(policies: Policies): (names: ReadonlySet<string>) => RuleLists {
  const made = new Map<string, RuleLists>();
  return (names) => {
    const sorted = [...names].sort();
    const key = sorted.join(' ');
    const lists = made.get(key) ?? combine(sorted, policies);
    made.set(key, lists);
    return lists;
  };
}

function combine(names: readonly string[], policies: Policies): RuleLists {
  const lists = names.flatMap((name) => policies.get(name) ?? []);
  return {
    allow: lists.flatMap((list) => list.allow).sort(byId),
    deny: lists.flatMap((list) => list.deny).sort(byId),
    stepUp: lists.flatMap((list) => list.stepUp).sort(byId),
  };
}

function byId(left: CompiledRule, right: CompiledRule): number {
  if (left.id === right.id) return 0;
  return left.id < right.id ? -1 : 1;
}
