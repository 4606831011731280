import type { RuleKind } from './conditions/condition.ts';
import type { ConditionPool } from './conditions/pool.ts';
import { NamedConditions } from './named-conditions.ts';
import {
  below,
  complain,
  complainUnknown,
  type Fields,
  type Place,
  readFields,
  readList,
  readName,
} from './read.ts';
import { indexRules, type RuleIndex } from './rule-index.ts';
import { type CompiledRule, compileRule, compileStepUpRule } from './rules.ts';

/** The rules of each policy, by its name. */
export type Policies = ReadonlyMap<string, RuleIndex>;

/** Compiles all policies, by name. One with problems is there too, so that it counts as known. */
export function compilePolicies(value: unknown, place: Place, pool: ConditionPool): Policies {
  const named = new NamedConditions(pool);
  const read = readPolicies(value, place, named);
  named.check();
  const compiled = read.map(({ name, fields, at }) => ({
    name,
    rules: compileAll(fields, at, name, named),
  }));
  const ids = compiled.flatMap(({ rules }) => rules.map(({ id }) => id)).sort();
  const orders = new Map(ids.map((id, order) => [id, order]));
  return new Map(compiled.map(({ name, rules }) => [name, indexRules(inOrder(rules, orders))]));
}

/** By id, and numbered, so that the order in which rules are written never matters. */
function inOrder(
  rules: readonly CompiledRule[],
  orders: ReadonlyMap<string, number>,
): readonly CompiledRule[] {
  return rules
    .map((rule) => ({ ...rule, order: orders.get(rule.id) ?? rule.order }))
    .sort((left, right) => left.order - right.order);
}

interface ReadPolicy {
  readonly name: string;
  readonly fields: Fields;
  readonly at: Place;
}

/** Reads what policies are made of, and their named conditions, which rules of any may name. */
function readPolicies(value: unknown, place: Place, named: NamedConditions): ReadPolicy[] {
  const read: ReadPolicy[] = [];
  const names = new Set<string>();
  for (const [index, policy] of (readList(value, place) ?? []).entries()) {
    const at = below(place, index);
    const fields = readFields(policy, at, ['name', 'allow', 'deny', 'stepUp'], ['conditions']);
    if (fields === null) continue;
    const name = readName(fields.get('name'), below(at, 'name')) ?? '';
    if (names.has(name)) complain(below(at, 'name'), `there are two policies named ${name}`);
    names.add(name);
    if (fields.has('conditions')) {
      named.add(fields.get('conditions'), below(at, 'conditions'), name);
    }
    read.push({ name, fields, at });
  }
  return read;
}

function compileAll(
  fields: Fields,
  place: Place,
  policy: string,
  named: NamedConditions,
): readonly CompiledRule[] {
  const rules = (
    kind: RuleKind,
    compileOne: (value: unknown, at: Place) => CompiledRule | null,
  ): readonly CompiledRule[] => compileRules(fields.get(kind), below(place, kind), compileOne);
  return [
    ...rules('allow', (rule, at) => compileRule(rule, at, policy, 'allow', named)),
    ...rules('deny', (rule, at) => compileRule(rule, at, policy, 'deny', named)),
    ...rules('stepUp', (rule, at) => compileStepUpRule(rule, at, policy, named)),
  ];
}

function compileRules(
  value: unknown,
  place: Place,
  compileOne: (value: unknown, at: Place) => CompiledRule | null,
): readonly CompiledRule[] {
  const rules = new Map<string, CompiledRule>();
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
    else complainUnknown(at, 'policy', name);
  }
  return names;
}
