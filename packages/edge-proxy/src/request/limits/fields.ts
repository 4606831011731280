import type { RateLimit } from '../../state/current.ts';
import type { Received } from '../exchange.ts';
import type { Left } from './gcra.ts';

/** A limit, and what it has left for whom it was asked. */
export interface Counted {
  readonly limit: RateLimit;
  readonly left: Left;
}

const nsPerSecond = 1_000_000_000n;

/** Whole seconds until there is one more, at least one. */
export function nextSeconds({ nextNs }: Left): number {
  return Number((nextNs + nsPerSecond - 1n) / nsPerSecond);
}

/**
 * RateLimit-Policy and RateLimit (draft-ietf-httpapi-ratelimit-headers-11, sections 3 and 4), name and
 * value by turns. `q` comes back in each `w` seconds. `r` may be used now, and not more within `t`
 * seconds.
 */
export function rateLimitFields(counted: readonly Counted[]): readonly string[] {
  if (counted.length === 0) return [];
  const policies = counted.map(
    ({ limit }) => `"${limit.name}";q=${limit.requests};w=${limit.windowSeconds}`,
  );
  const left = counted.map(
    (one) => `"${one.limit.name}";r=${one.left.requests};t=${nextSeconds(one.left)}`,
  );
  return ['RateLimit-Policy', policies.join(', '), 'RateLimit', left.join(', ')];
}

/** The same for a client whose request passes. */
export function passedFields({ counted = [] }: Received): readonly string[] {
  // How much of a whole route is left would tell what others do.
  return rateLimitFields(counted.filter(({ limit }) => limit.per !== 'route'));
}
