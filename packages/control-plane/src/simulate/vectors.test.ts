import { compile } from '@sallyport/policy';
import { runVector, vectors } from '@sallyport/policy/vectors';
import { expect, test } from 'vitest';
import { decideAgain } from './explain.ts';

test.each(vectors.map((vector) => [vector.title, vector] as const))('%s', (_title, vector) => {
  const found = runVector(vector, (policySet, facts) => {
    // As the control plane knows them: from a record that was JSON in between.
    const recorded = JSON.parse(JSON.stringify(facts)) as typeof facts;
    return decideAgain(compile(policySet), recorded).decision;
  });
  expect(found).toEqual([]);
});
