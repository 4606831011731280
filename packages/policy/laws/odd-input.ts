import fc from 'fast-check';
import {
  type CompiledPolicySet,
  compile,
  decide,
  explain,
  PolicyCompileError,
  type PolicySet,
} from '../src/index.ts';
import { damagedClosedSets, damagedPolicySets, oddFacts } from './damage.ts';
import { facts } from './facts.ts';
import { policySets } from './policy-sets.ts';
import { type Property, same } from './property.ts';

/** Laws of input that is not what it should be. */

export function sturdy(): Property {
  return fc.property(fc.oneof(damagedPolicySets, fc.jsonValue(), fc.anything()), (value) => {
    compileAnything(value);
  });
}

export function closed(): Property {
  return fc.property(damagedClosedSets, facts, (value, one) => {
    const compiled = compileAnything(value);
    if (compiled === null || JSON.stringify(value).includes('"anonymous":true')) return;
    const { outcome } = decide(compiled, { ...one, session: { kind: 'none' } });
    if (outcome === 'permit') throw new Error('permitted without a session');
  });
}

export function calm(): Property {
  return fc.property(policySets, oddFacts, (set, odd) => {
    const compiled = compile(set);
    const decision = decide(compiled, odd);
    same(explain(compiled, odd).decision, decision);
    if (decision.outcome === 'permit' && !(decision.untilMs <= Number.MAX_SAFE_INTEGER)) {
      throw new Error(`a permit without an end: ${decision.untilMs}`);
    }
  });
}

function compileAnything(value: unknown): CompiledPolicySet | null {
  try {
    return compile(value as PolicySet);
  } catch (error) {
    if (!(error instanceof PolicyCompileError)) throw error;
    if (error.problems.length === 0) throw new Error('refused without a problem', { cause: error });
    return null;
  }
}
