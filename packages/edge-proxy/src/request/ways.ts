import { isDeepStrictEqual } from 'node:util';
import type { TargetConfig, UpstreamWay } from '../state/current.ts';

/** Whether what went to the target by one way would also go there by the other, and be the same. */
export function leadsTo(target: TargetConfig, one: UpstreamWay, other: UpstreamWay): boolean {
  return asksTheSame(one, other) && has(one, target) && has(other, target);
}

/** Whether anything leads to the same place by both ways. */
export function leadSomewhereAlike(one: UpstreamWay, other: UpstreamWay): boolean {
  return asksTheSame(one, other) && one.targets.some((target) => has(other, target));
}

function asksTheSame(one: UpstreamWay, other: UpstreamWay): boolean {
  return one.host === other.host && isDeepStrictEqual(one.path, other.path);
}

function has({ targets }: UpstreamWay, wanted: TargetConfig): boolean {
  return targets.some((target) => isDeepStrictEqual(target, wanted));
}
