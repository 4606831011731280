import { durationMs } from '@sallyport/policy';
import type { RouteDocument, SettingsDocument } from './documents.ts';
import type { Complain } from './references.ts';

type RateLimits = NonNullable<RouteDocument['spec']['rateLimits']>;
type Pace = NonNullable<SettingsDocument['spec']['signIn']['rateLimit']>;

const dayMs = 86_400_000;

/** Each name once, and paces that an edge can keep. */
export function checkRateLimits(limits: RateLimits = [], complain: Complain): void {
  const seen = new Set<string>();
  for (const [index, limit] of limits.entries()) {
    const path = `/spec/rateLimits/${index}`;
    if (seen.has(limit.name)) {
      complain(`${path}/name`, `${limit.name} stands in the list twice`);
    }
    seen.add(limit.name);
    checkPace(limit, path, complain);
  }
}

/** An edge keeps its counts in memory: what takes longer than a day would not be kept. */
export function checkPace(pace: Pace, path: string, complain: Complain): void {
  const windowMs = durationMs(pace.window);
  if (windowMs === null || windowMs > dayMs) {
    complain(`${path}/window`, 'must be a day at the most');
  } else if (((pace.burst ?? 0) / pace.requests) * windowMs > dayMs) {
    complain(`${path}/burst`, 'must come back within a day at the pace of requests and window');
  }
}
