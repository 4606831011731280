import type { AuthenticationRequirement } from './model.ts';
import type { ReasonCode } from './reasons.ts';

/** A verdict never travels without its reason. `detail` names the rule, fact or value meant. */
export interface Reason {
  readonly code: ReasonCode;
  readonly detail?: string;
}

interface Verdict {
  /** Name of the route, null where none matched. */
  readonly route: string | null;
  /** At least one, the deciding one first. */
  readonly reasons: readonly Reason[];
  /** `<policy>/<allow|deny|stepUp>/<rule>` of the rules that made the verdict. */
  readonly ruleIds: readonly string[];
}

declare const madeByDecide: unique symbol;

/** Only `decide` makes one; whatever forwards asks for one. */
export interface Permit extends Verdict {
  readonly outcome: 'permit';
  readonly route: string;
  /** The earliest instant at which time alone could change the verdict, milliseconds. */
  readonly untilMs: number;
  /** Why rules would deny what a route that is only watched lets through; null: they would not. */
  readonly wouldDeny: Pick<Verdict, 'reasons' | 'ruleIds'> | null;
  readonly [madeByDecide]: true;
}

export interface Deny extends Verdict {
  readonly outcome: 'deny';
}

/** Nobody is signed in, and signing in could help. */
export interface SignIn extends Verdict {
  readonly outcome: 'sign_in';
  readonly route: string;
}

/** The user is known, but must authenticate again or more strongly. */
export interface StepUp extends Verdict {
  readonly outcome: 'step_up';
  readonly route: string;
  readonly require: AuthenticationRequirement;
}

export type Decision = Permit | Deny | SignIn | StepUp;
