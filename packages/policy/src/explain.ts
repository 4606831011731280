import { walk } from './decide.ts';
import type { Decision } from './decision.ts';
import type { Facts } from './facts.ts';
import type { CompiledPolicySet } from './route.ts';
import type { TraceStep } from './trace.ts';

/** The verdict of `decide`, by the same walk, with the steps that led to it. */
export function explain(
  compiled: CompiledPolicySet,
  facts: Facts,
): { readonly decision: Decision; readonly trace: readonly TraceStep[] } {
  const trace: TraceStep[] = [];
  const decision = walk(compiled, facts, trace);
  return { decision, trace };
}
