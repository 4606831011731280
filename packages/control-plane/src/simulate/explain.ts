import {
  type CompiledPolicySet,
  compile,
  type Decision,
  explain,
  type Facts,
  type TraceStep,
} from '@sallyport/policy';
import type { AccessRecord } from '@sallyport/shared/access-record';
import { toPolicySet } from '@sallyport/shared/configuration/set';
import { Lru } from '@sallyport/shared/lru';
import { findVersionSummary, readDocumentsOf } from '../store/configuration.ts';
import type { Executor } from '../store/database.ts';

export type Explanation =
  | {
      readonly kind: 'explained';
      readonly decision: Decision;
      readonly trace: readonly TraceStep[];
      /** The same outcome and the same deciding reason as the edge recorded. */
      readonly agrees: boolean;
    }
  /** The gate refused before there were facts, or no configuration was there. */
  | { readonly kind: 'nothing_to_explain' }
  /** The record names a version that this database does not have. */
  | { readonly kind: 'version_unknown' };

/** Compiled versions, because explanations are asked for in bunches. */
const versionsKept = 4;

export interface Explainer {
  explain(db: Executor, record: AccessRecord): Promise<Explanation>;
}

/** Decides again on what was known then, by the version that decided then. */
export function createExplainer(): Explainer {
  const compiled = new Lru<number, CompiledPolicySet>({ sizeMax: versionsKept });
  const compiledVersion = async (
    db: Executor,
    version: number,
  ): Promise<CompiledPolicySet | null> => {
    const kept = compiled.get(version);
    if (kept !== undefined) return kept;
    if ((await findVersionSummary(db, version)) === null) return null;
    const made = compile(toPolicySet(version, await readDocumentsOf(db, version)));
    compiled.set(version, made);
    return made;
  };
  return {
    async explain(db, record) {
      const { facts, configVersion } = record;
      if (facts === null || configVersion === null) return { kind: 'nothing_to_explain' };
      const policies = await compiledVersion(db, configVersion);
      if (policies === null) return { kind: 'version_unknown' };
      const { decision, trace } = decideAgain(policies, facts);
      return { kind: 'explained', decision, trace, agrees: agree(decision, record) };
    },
  };
}

/** The walk of `decide` with its steps, on facts as they were recorded. */
export function decideAgain(policies: CompiledPolicySet, facts: Facts) {
  return explain(policies, facts);
}

function agree(decision: Decision, record: AccessRecord): boolean {
  return decision.outcome === record.outcome && decision.reasons[0]?.code === record.reasons[0];
}
