import {
  type CompiledPolicySet,
  type Decision,
  explain,
  type Facts,
  type PathProblem,
  type TraceStep,
} from '@sallyport/policy';
import {
  apiVersion,
  type DocumentTest,
  type PolicyDocument,
} from '@sallyport/shared/configuration/documents';
import { badTests } from '@sallyport/shared/configuration/tests/bad';
import { factsOf } from '@sallyport/shared/configuration/tests/facts';
import type { FieldProblem } from '@sallyport/shared/errors';

/** A made-up request: a test of documents without its name and what is expected. */
export type MadeUpRequest = Omit<DocumentTest, 'name' | 'description' | 'expect'>;

export type Simulation =
  | {
      readonly kind: 'decided';
      readonly facts: Facts;
      readonly decision: Decision;
      readonly trace: readonly TraceStep[];
    }
  /** An edge would refuse the address before anything is decided. */
  | { readonly kind: 'refused'; readonly problem: PathProblem | 'host' };

/** Decides a made-up request, as of now unless it says when. */
export function simulate(
  policies: CompiledPolicySet,
  request: MadeUpRequest,
  nowMs: number,
): Simulation {
  const made = factsOf(
    testOf({ at: new Date(nowMs).toISOString(), ...request }),
    policies.headerNames,
  );
  if ('refused' in made) return { kind: 'refused', problem: made.refused };
  return { kind: 'decided', facts: made.facts, ...explain(policies, made.facts) };
}

/** What could not be so in a made-up request; `field`: a JSON pointer into it. */
export function contradictionsOf(request: MadeUpRequest): readonly FieldProblem[] {
  const document = {
    apiVersion,
    kind: 'Policy',
    metadata: { name: 'simulated' },
    spec: { tests: [testOf(request)] },
  } satisfies PolicyDocument;
  return badTests([document]).map(({ field, message }) => ({
    field: field.replace(/^.*\/spec\/tests\/0/, ''),
    message,
  }));
}

function testOf(request: MadeUpRequest): DocumentTest {
  return { ...request, name: 'simulated', expect: { outcome: 'deny' } };
}
