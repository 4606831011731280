import { describe, expect, test } from 'vitest';
import { runVector, vectors } from '../vectors/index.ts';
import {
  type CompiledPolicySet,
  compile,
  decide,
  explain,
  type PolicySet,
  reasons,
} from './index.ts';

const compiled = new Map<PolicySet, CompiledPolicySet>();

function compiledOf(set: PolicySet): CompiledPolicySet {
  const known = compiled.get(set) ?? compile(set);
  compiled.set(set, known);
  return known;
}

describe('vectors', () => {
  test.each(vectors.map((vector) => [vector.title, vector] as const))('%s', (_title, vector) => {
    expect(runVector(vector, (set, facts) => decide(compiledOf(set), facts))).toEqual([]);
  });

  test('titles are their own', () => {
    expect(new Set(vectors.map((vector) => vector.title)).size).toBe(vectors.length);
  });

  test('every reason and every verdict has a vector', () => {
    const seen = new Set<string>();
    for (const { policySet, facts } of vectors) {
      const decision = decide(compiledOf(policySet), facts);
      seen.add(decision.outcome);
      for (const reason of decision.reasons) seen.add(reason.code);
    }
    const wanted = [...Object.keys(reasons), 'permit', 'deny', 'sign_in', 'step_up'];
    expect(wanted.filter((code) => !seen.has(code))).toEqual([]);
  });

  test('what is not canonical is denied, whatever the gate let pass', () => {
    const refused = vectors.filter((vector) => 'refused' in vector.expect);
    expect(refused.length).toBeGreaterThan(20);
    for (const { policySet, facts } of refused) {
      expect(decide(compiledOf(policySet), facts).outcome).toBe('deny');
    }
  });

  test('a verdict outlives a trip through JSON with its trace', () => {
    for (const { policySet, facts } of vectors) {
      const explained = explain(compiledOf(policySet), facts);
      expect(JSON.parse(JSON.stringify(explained))).toEqual(explained);
    }
  });
});
