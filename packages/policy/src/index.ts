export {
  type Address,
  canonicalAddress,
  formatAddress,
  type Network,
  networkContains,
  parseAddress,
  parseNetwork,
} from './address.ts';
export { canonicalHost, type HostPattern, parseHostPattern } from './canonical-host.ts';
export {
  type CanonicalPath,
  canonicalPath,
  isCanonicalPath,
  type PathProblem,
  pathLengthMax,
} from './canonical-path.ts';
export { compile } from './compile.ts';
export { longestDenyMs } from './compile-staleness.ts';
export { decide } from './decide.ts';
export type * from './decision.ts';
export { durationMs } from './duration.ts';
export { explain } from './explain.ts';
export type * from './facts.ts';
export { instantMs } from './instant.ts';
export type * from './model.ts';
export { type ParsedPattern, type PathPattern, parsePattern } from './pattern.ts';
export { PolicyCompileError, type PolicyProblem, type UnknownName } from './problems.ts';
export { type ReasonCode, reasons } from './reasons.ts';
export { type CompiledPolicySet, hostKnown, matchRoute } from './route.ts';
export type { CompiledRoute, RouteMatchResult } from './route-table.ts';
export type { TraceStep } from './trace.ts';
export type { Truth } from './truth.ts';
