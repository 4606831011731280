import { matchRoute } from '@sallyport/policy';
import type { LiveBundle, RateLimit } from '../../state/current.ts';
import { addressGroup } from '../address-group.ts';
import type { Answer, Located, Permitted, Received } from '../exchange.ts';
import { type Counted, nextSeconds, rateLimitFields } from './fields.ts';
import type { Region, SharedBuckets } from './shared-buckets.ts';

export interface LimitNeeds {
  readonly buckets: SharedBuckets;
  /** Counts a request that is refused. */
  readonly refused: (per: RateLimit['per']) => void;
}

/**
 * How often somebody may ask. Limits only take away: they are no part of a decision, and what the
 * decision refuses was counted by nobody's limit but the address's.
 */
export interface Limits {
  /** Of our own endpoints, by address; null: it may go on. */
  readonly signIn: (value: Located) => Answer | null;
  /** Before anything costly is done for an address, whoever it turns out to be. */
  readonly address: (value: Located) => Located | Answer;
  /** What was permitted, by user, device and route. */
  readonly permitted: (value: Permitted) => Permitted | Answer;
}

export function createLimits({ buckets, refused }: LimitNeeds): Limits {
  /** Counts the request by every limit, or by none of them: then there is an answer. */
  const count = (value: Received, limits: readonly RateLimit[]): Answer | null => {
    const counted: (Counted & { readonly name: string })[] = [];
    for (const limit of limits) {
      const subject = subjectOf(limit, value);
      if (subject === null) continue;
      const name = limit.key + subject;
      const { admitted, left } = buckets.take(regionOf(limit), name, limit);
      if (!admitted) {
        for (const one of counted) buckets.giveBack(regionOf(one.limit), one.name, one.limit);
        refused(limit.per);
        return answerOf({ limit, left });
      }
      counted.push({ limit, left, name });
    }
    value.counted = value.counted === undefined ? counted : [...value.counted, ...counted];
    return null;
  };
  return {
    signIn: (value) => count(value, [value.bundle.settings.signInRateLimit]),
    address: (value) => {
      const limits = addressLimits(value.bundle, value);
      return limits.length === 0 ? value : (count(value, limits) ?? value);
    },
    permitted: (value) => {
      const limits = value.route.rateLimits.permitted;
      return limits.length === 0 ? value : (count(value, limits) ?? value);
    },
  };
}

function answerOf(counted: Counted): Answer {
  return {
    kind: 'limited',
    code: 'rate_limited',
    retryAfterSeconds: nextSeconds(counted.left),
    fields: rateLimitFields([counted]),
  };
}

function addressLimits(bundle: LiveBundle, { head, path }: Located): readonly RateLimit[] {
  const { settings, routes, policy } = bundle;
  // Only then is it worth looking twice which route it is.
  if (!settings.routesLimitAddresses) return settings.addressRateLimits;
  const match = matchRoute(policy, { method: head.method, host: head.host, path });
  const route = match.kind === 'route' ? routes.get(match.route.name) : undefined;
  return route?.rateLimits.address ?? settings.addressRateLimits;
}

function regionOf({ per }: RateLimit): Region {
  return per === 'address' || per === 'sign_in' ? 'address' : 'other';
}

/** Whose bucket it is; null: there is nobody to count for. */
function subjectOf({ per }: RateLimit, value: Received): string | null {
  switch (per) {
    case 'address':
    case 'sign_in':
      return addressGroup(value.sourceAddress);
    case 'user':
      return value.facts?.user.kind === 'known' ? value.facts.user.id : null;
    case 'device':
      return value.facts?.device.kind === 'known' ? value.facts.device.id : null;
    case 'route':
      return '';
  }
}
