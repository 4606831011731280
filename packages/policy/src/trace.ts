import type { RuleKind } from './conditions/condition.ts';
import type { StateLane } from './model.ts';
import type { ReasonCode } from './reasons.ts';
import type { Stage } from './staleness.ts';
import type { Truth } from './truth.ts';

/** One step of a decision, in the order in which they were taken. Plain JSON. */
export type TraceStep =
  | {
      readonly step: 'route';
      readonly result: 'route' | 'none' | 'method_not_allowed';
      readonly route: string | null;
    }
  /** One of the checks before the rules (checks.ts); `reason`: why it refuses. */
  | { readonly step: 'check'; readonly check: string; readonly reason: ReasonCode | null }
  /** How many rules of a kind are looked at, and how many the request and its user rule out. */
  | {
      readonly step: 'index';
      readonly kind: RuleKind;
      readonly candidates: number;
      readonly ruledOut: number;
    }
  /** The route only watches its rules, up to then: what they deny is let through. */
  | { readonly step: 'monitor'; readonly untilMs: number }
  | {
      readonly step: 'rule';
      readonly rule: string;
      readonly kind: RuleKind;
      readonly value: Truth;
      readonly conditions: readonly { readonly field: string; readonly value: Truth }[];
    }
  /** How old a lane is whose age counts, and what that leads to; null: never, or not known. */
  | {
      readonly step: 'staleness';
      readonly lane: StateLane;
      readonly ageMs: number | null;
      readonly stage: Stage;
      readonly stepUpAfterMs: number | null;
      readonly denyNewSessionsAfterMs: number | null;
      readonly denyAfterMs: number | null;
    }
  /**
   * What the session's authentication is to a step-up rule that applies, or, as
   * `staleness/<lane>`, to state that is old.
   */
  | { readonly step: 'requirement'; readonly rule: string; readonly value: Truth };
