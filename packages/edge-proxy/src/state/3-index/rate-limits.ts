import { durationMs } from '@sallyport/policy';
import type { RouteDocument, SettingsDocument } from '@sallyport/shared/configuration/documents';
import type { RateLimit, RateLimits } from '../current.ts';

type Written = NonNullable<RouteDocument['spec']['rateLimits']>;
type Pace = NonNullable<SettingsDocument['spec']['signIn']['rateLimit']>;

/**
 * Of our own endpoints, for one address. Signing in takes three requests; behind one address there
 * may be a whole company that comes to work.
 */
const signInDefault: Pace = { requests: 1_200, window: '1m' };

/** What holds for a route: its own, and those of the settings whose names it does not use. */
export function routeRateLimits(
  settings: Written = [],
  route: string,
  own: Written = [],
): RateLimits {
  const names = new Set(own.map(({ name }) => name));
  const all = [
    ...settings
      .filter(({ name }) => !names.has(name))
      // A limit of the settings counts over all routes, unless it is one for each route.
      .map((limit) => rateLimit(limit, limit.per === 'route' ? route : '')),
    ...own.map((limit) => rateLimit(limit, route)),
  ];
  return {
    address: all.filter(({ per }) => per === 'address'),
    permitted: all.filter(({ per }) => per !== 'address'),
  };
}

/** Of requests that have no route. */
export function addressRateLimits(settings: Written = []): readonly RateLimit[] {
  return settings.filter(({ per }) => per === 'address').map((limit) => rateLimit(limit, ''));
}

/** Of our own endpoints. */
export function signInRateLimit(written: Pace = signInDefault): RateLimit {
  return rateLimit({ ...written, name: 'sign-in', per: 'sign_in' }, '');
}

function rateLimit(written: Pace & Pick<RateLimit, 'name' | 'per'>, scope: string): RateLimit {
  const { name, per, requests, burst = requests } = written;
  const windowMs = durationMs(written.window);
  if (windowMs === null) throw new TypeError(`the rate limit ${name} has no window`);
  const windowSeconds = windowMs / 1_000;
  return {
    name,
    per,
    requests,
    windowSeconds,
    burst,
    intervalNs: (BigInt(windowMs) * 1_000_000n) / BigInt(requests),
    key: `${scope}/${name}/${per}/${requests}/${windowSeconds}/${burst}/`,
  };
}
