/**
 * What an administrator writes, reduced to what a decision needs: plain data, validated before it
 * comes here. Compilation (compile.ts) turns it into indexes once per version.
 */

/**
 * One way to reach a route. The most specific match of all routes wins: an exact host before a
 * wildcard, then, segment by segment, a literal before `{name}` before `**`. Only the winner's
 * methods count. No two matches may be the same host, pattern and method.
 */
export interface RouteMatch {
  /**
   * Lower-case DNS name, or `*.` and a DNS name: exactly one label in the star's place. A host that
   * has a match of its own is not reached through a wildcard.
   */
  readonly host: string;
  /**
   * Pattern over canonical path segments: literal segments, `{name}` for exactly one segment, and
   * as the last segment `**` for any number of segments, none included. `/**` is the whole host.
   * Literals are in canonical form (canonical-path.ts) and compared with case; a slash at the end
   * changes nothing.
   */
  readonly path: string;
  /** Upper-case methods, HEAD written out; null: every method the gate lets through. */
  readonly methods: readonly string[] | null;
}

/** The lanes of state that decisions depend on. */
export type StateLane = 'revoke' | 'signals' | 'config' | 'directory';

/**
 * From which age of a lane on less is given. Each is a duration such as `90s`, `15m`, `12h` or `7d`,
 * or `serve`: never. What is left out is as in the settings, or the default.
 */
export interface LaneBudget {
  /** Who signed in before what is known of the lane has to confirm that. */
  readonly stepUpAfter?: string;
  /** Nobody is sent to sign in any more. */
  readonly denyNewSessionsAfter?: string;
  /** Nobody is let in. */
  readonly denyAfter?: string;
}

/** By lane; `serve`: its age never counts. */
export type StalenessBudgets = { readonly [Lane in StateLane]?: LaneBudget | 'serve' };

export interface Route {
  readonly name: string;
  readonly matches: readonly RouteMatch[];
  /** Names of policies; those of the settings are added for every route. */
  readonly policies: readonly string[];
  /** Over those of the settings. */
  readonly staleness?: StalenessBudgets;
  /**
   * What rules would deny somebody who is signed in, or a service, is let through and told of.
   * `until`: RFC 3339, and mandatory, so that it ends.
   */
  readonly monitor?: { readonly until: string };
}

/** A workload: its devices pass as it, by their certificates alone. */
export interface ServiceIdentity {
  readonly name: string;
  /** Device ids. No device stands for two services. */
  readonly devices: readonly string[];
}

/** Of the user's employment; both must hold where both are given. */
export interface EmploymentRule {
  readonly class?: readonly ('employee' | 'contractor')[];
  /** Its end has passed; `false`: it has not, or there is none. */
  readonly ended?: boolean;
}

type PostureValue = boolean | number | string;

/** What was observed of the device. Unknown where it was not, or too long ago, or is of another type. */
export interface PostureRule {
  readonly name: string;
  readonly is?: PostureValue;
  /** One of these. */
  readonly in?: readonly PostureValue[];
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Duration such as `7d`: what was observed longer ago does not count. */
  readonly maxAge?: string;
}

/**
 * `false` is the plain opposite of `true`: what comes from no device is not managed and not owned
 * either. A request in a session that was made without a device counts as coming from none.
 */
export interface DeviceRule {
  /** The request comes from an enrolled device; `false`: it does not. */
  readonly known?: boolean;
  readonly managed?: boolean;
  /** The device's owner is the signed-in user. */
  readonly ownedByUser?: boolean;
  /** Every one must hold. */
  readonly posture?: readonly PostureRule[];
  /** Duration: the device's certificate was made less than that ago. */
  readonly certificateMaxAge?: string;
}

export type Weekday = 'mon' | 'tue' | 'wed' | 'thu' | 'fri' | 'sat' | 'sun';

/** By the wall clock of a zone. */
export interface TimeWindow {
  /** Days on which it begins; default: all. */
  readonly days?: readonly Weekday[];
  /** `HH:MM`. */
  readonly from: string;
  /** `HH:MM`, the first minute outside. Not after `from`: on the next day. */
  readonly to: string;
  /** Name in the IANA time zone database. */
  readonly zone: string;
}

/** What is asked of the session's authentication. */
export interface AuthenticationRule {
  /** Duration such as `15m`. */
  readonly maxAge?: string;
  /** At least one of these RFC 8176 methods. */
  readonly amr?: readonly string[];
}

/** All given must hold. */
export interface RiskRule {
  readonly atLeast?: number;
  readonly below?: number;
  /** One of these. */
  readonly signals?: readonly string[];
}

/**
 * The values of a header, all lines taken together, split at commas. Allow and step-up rules: it is
 * there, and every value is one of `is`. Deny rules: any value is.
 */
export interface HeaderRule {
  readonly name: string;
  readonly is: readonly string[];
}

/**
 * All given conditions must hold. Within a list of values one must; in a list of conditions
 * (`headers`, `device.posture`, `conditions`) every one must.
 */
export interface RuleConditions {
  /** User ids, or e-mail addresses compared without case. */
  readonly users?: readonly string[];
  /** Group names. */
  readonly groups?: readonly string[];
  readonly employment?: EmploymentRule;
  /** Names of service identities. An allow rule with it needs no session. */
  readonly services?: readonly string[];
  readonly device?: DeviceRule;
  readonly methods?: readonly string[];
  /** Patterns as in RouteMatch.path. */
  readonly paths?: readonly string[];
  /** CIDR blocks, IPv4 or IPv6, without bits beyond the prefix. `::/0` has no IPv4 in it. */
  readonly sourceNetworks?: readonly string[];
  /** ISO 3166-1 alpha-2, upper case. */
  readonly countries?: readonly string[];
  /** Numbers of autonomous systems. */
  readonly asns?: readonly number[];
  /** Names of known ways out to the internet. */
  readonly egress?: readonly string[];
  readonly time?: readonly TimeWindow[];
  /** RFC 3339. Before it the rule does not match. */
  readonly notBefore?: string;
  /** RFC 3339. From it on the rule does not match. */
  readonly notAfter?: string;
  readonly authentication?: AuthenticationRule;
  readonly risk?: RiskRule;
  readonly headers?: readonly HeaderRule[];
  /** RE2 patterns over the whole canonical path. */
  readonly pathsMatching?: readonly string[];
  /** Named conditions of the same policy, or `<policy>/<name>` of another. */
  readonly conditions?: readonly string[];
  /** CEL. */
  readonly when?: string;
}

/** Conditions under a name, for rules and other named conditions. At least one is given. */
export interface NamedCondition extends RuleConditions {
  readonly name: string;
}

/** What step-up rules, or old state, ask of the session's authentication. */
export interface AuthenticationRequirement {
  readonly maxAgeSeconds?: number;
  /** At least one of these RFC 8176 methods. */
  readonly amr?: readonly string[];
}

export interface AllowRule extends RuleConditions {
  readonly name: string;
  /**
   * Written out: without it every allow rule needs a signed-in user, whatever else it says. With
   * it, no condition may ask about the user; without it, there must be a condition.
   */
  readonly anonymous?: boolean;
}

export interface DenyRule extends RuleConditions {
  readonly name: string;
}

export interface StepUpRule extends RuleConditions {
  readonly name: string;
  /** Met: the rule asks nothing more. */
  readonly require: AuthenticationRule;
}

export interface Policy {
  readonly name: string;
  readonly allow: readonly AllowRule[];
  readonly deny: readonly DenyRule[];
  readonly stepUp: readonly StepUpRule[];
  readonly conditions?: readonly NamedCondition[];
}

/** The part of a configuration version that decisions depend on. */
export interface PolicySet {
  /** Number of the configuration version. */
  readonly version: number;
  readonly routes: readonly Route[];
  readonly policies: readonly Policy[];
  /** Names of policies that hold for every route. */
  readonly globalPolicies: readonly string[];
  readonly services?: readonly ServiceIdentity[];
  /** For every route, over the defaults. */
  readonly staleness?: StalenessBudgets;
}
