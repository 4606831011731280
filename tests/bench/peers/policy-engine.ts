import type { TeamRequest, TeamRule } from '../lib/policy-workload.ts';

/** Another engine, with the same rules written as its own documentation writes such rules. */
export interface PolicyEngine {
  readonly name: string;
  readonly version: string;
  /** Takes the rules in, and what it needs to know of those who will ask. */
  load(rules: readonly TeamRule[], requests: readonly TeamRequest[]): Promise<Allows>;
}

/** Whether a request is allowed. */
export type Allows = (request: TeamRequest) => boolean;
