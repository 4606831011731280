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
}

/** All given conditions must hold; within a list, one entry must. */
export interface RuleConditions {
  /** User ids, or e-mail addresses compared without case. */
  readonly users?: readonly string[];
  /** Group names. */
  readonly groups?: readonly string[];
  readonly device?: DeviceRule;
  readonly methods?: readonly string[];
  /** Patterns as in RouteMatch.path. */
  readonly paths?: readonly string[];
  /** CIDR blocks, IPv4 or IPv6, without bits beyond the prefix. `::/0` has no IPv4 in it. */
  readonly sourceNetworks?: readonly string[];
}

/** What a step-up rule asks of the session's authentication; met: the rule asks nothing more. */
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
  readonly require: AuthenticationRequirement;
}

export interface Policy {
  readonly name: string;
  readonly allow: readonly AllowRule[];
  readonly deny: readonly DenyRule[];
  readonly stepUp: readonly StepUpRule[];
}

/** The part of a configuration version that decisions depend on. */
export interface PolicySet {
  /** Number of the configuration version. */
  readonly version: number;
  readonly routes: readonly Route[];
  readonly policies: readonly Policy[];
  /** Names of policies that hold for every route. */
  readonly globalPolicies: readonly string[];
  /** For every route, over the defaults. */
  readonly staleness?: StalenessBudgets;
}
