import fc from 'fast-check';
import { compile, type Decision, decide, explain, type PolicySet } from '../src/index.ts';
import { calmed, later } from './elapsed.ts';
import { manyFacts } from './facts.ts';
import { policySets, toldSets } from './policy-sets.ts';
import { next, type Property, same } from './property.ts';
import { referenceDecide } from './reference.ts';

/** Laws of deciding: by the design, in any order, explained, with an end, and by what is known. */

export function agrees(): Property {
  return fc.property(policySets, manyFacts, (set, all) => {
    const compiled = compile(set);
    for (const one of all) {
      const decision = decide(compiled, one);
      const { outcome, route } = decision;
      const watched = outcome === 'permit' && decision.wouldDeny !== null;
      same({ outcome, route, watched }, referenceDecide(set, one));
    }
  });
}

export function ordered(): Property {
  return fc.property(policySets, manyFacts, fc.infiniteStream(fc.nat()), (set, all, numbers) => {
    const shuffle = <Entry>(list: readonly Entry[]): Entry[] =>
      list
        .map((entry) => ({ entry, at: next(numbers) }))
        .sort((left, right) => left.at - right.at)
        .map(({ entry }) => entry);
    const lists = <Value extends object>(values: readonly Value[]): Value[] =>
      shuffle(values).map((value) => shuffleLists(value, shuffle));
    const shuffled: PolicySet = {
      ...set,
      routes: lists(set.routes),
      policies: shuffle(set.policies).map(({ name, allow, deny, stepUp, conditions = [] }) => ({
        name,
        allow: lists(allow),
        deny: lists(deny),
        stepUp: lists(stepUp),
        conditions: lists(conditions),
      })),
      globalPolicies: shuffle(set.globalPolicies),
      services: lists(set.services ?? []),
    };
    const [compiled, other] = [compile(set), compile(shuffled)];
    for (const one of all) same(decide(other, one), decide(compiled, one));
  });
}

function shuffleLists<Value extends object>(
  value: Value,
  shuffle: (list: readonly unknown[]) => unknown[],
): Value {
  const entries = Object.entries(value).map(([key, part]: [string, unknown]) => [
    key,
    Array.isArray(part) ? shuffle(part) : part,
  ]);
  return Object.fromEntries(entries) as Value;
}

/** None of the expressions asks whether something is known: that is how a rule may let in by it. */
export function blind(): Property {
  return fc.property(policySets, manyFacts, (set, all) => {
    const compiled = compile(set);
    for (const one of all) {
      const { request, device } = one;
      const less: readonly object[] = [
        { place: null },
        { risk: null },
        { place: null, risk: null, sourceAddress: 'nowhere' },
        { request: { ...request, headers: undefined } },
        { device: device.kind === 'known' ? { ...device, posture: [] } : device },
      ];
      for (const unknown of less) {
        if (letsIn(decide(compiled, { ...one, ...unknown }))) letIn(decide(compiled, one));
      }
    }
  });
}

/** By a rule: what a route only watches is another matter. */
function letsIn(decision: Decision): boolean {
  return decision.outcome === 'permit' && decision.wouldDeny === null;
}

function letIn(decision: Decision): void {
  if (!letsIn(decision)) throw new Error('let in by what is not known');
}

export function explains(): Property {
  return fc.property(policySets, manyFacts, (set, all) => {
    const compiled = compile(set);
    for (const one of all) {
      const { decision, trace } = explain(compiled, one);
      same(decision, decide(compiled, one));
      if (trace.length === 0) throw new Error('a decision without a step');
      const rules = trace.flatMap((step) => (step.step === 'rule' ? [step.rule] : []));
      if (new Set(rules).size < rules.length) throw new Error('a rule that is looked at twice');
    }
  });
}

export function lasts(): Property {
  const parts = fc.double({ min: 0, max: 1, noNaN: true });
  return fc.property(toldSets, manyFacts, parts, (set, all, part) => {
    const compiled = compile(set);
    for (const one of all) {
      const decision = decide(compiled, one);
      if (decision.outcome !== 'permit') continue;
      if (decision.untilMs <= one.nowMs) throw new Error('a permit that is over');
      const lastMs = decision.untilMs - 1;
      const laterMs = Math.floor(one.nowMs + (lastMs - one.nowMs) * part);
      for (const atMs of [laterMs, lastMs]) {
        const then = decide(compiled, calmed(later(one, atMs - one.nowMs)));
        same(withoutWhy(then), withoutWhy(decision));
      }
    }
  });
}

/** What is told of a denial that is not made may change with what others were allowed. */
function withoutWhy(decision: Decision): unknown {
  if (decision.outcome !== 'permit' || decision.wouldDeny === null) return decision;
  return { ...decision, wouldDeny: decision.wouldDeny.ruleIds };
}
