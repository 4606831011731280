import { durationMs } from '@sallyport/policy';
import type { RouteDocument, SettingsDocument } from '@sallyport/shared/configuration/documents';
import {
  defaultAssertionTtlSeconds,
  defaultTunnelIdleMs,
  defaultTunnelTotalMs,
} from '@sallyport/shared/configuration/route-defaults';
import { type HeaderLimits, headerLimits } from '@sallyport/shared/http/header-limits';
import type { RouteConfig } from '../current.ts';
import { cookieRules } from './cookie-rules.ts';
import { corsRules } from './cors-rules.ts';
import { headerEdits } from './header-edits.ts';
import { routeRateLimits } from './rate-limits.ts';
import { recordRules } from './record-rules.ts';
import { type AuthoritiesOf, upstreamConfig } from './upstream-config.ts';

/** What the names in a route's document stand for. */
export interface RouteNames {
  readonly authoritiesPem: AuthoritiesOf;
  /** Of the settings. */
  readonly records: SettingsDocument['spec']['records'];
  readonly rateLimits: SettingsDocument['spec']['rateLimits'];
  readonly headerLimits: HeaderLimits;
}

const defaultAssertionBytesMax = 1024;

/** A route's document with its defaults filled in. Throws where a name or URL does not hold. */
export function routeConfig(document: RouteDocument, names: RouteNames): RouteConfig {
  const { spec, metadata } = document;
  const hosts = [...new Set(spec.match.map((match) => match.host))];
  return {
    name: metadata.name,
    hosts,
    audience: spec.audience ?? `https://${hosts[0] ?? ''}`,
    upstream: upstreamConfig(spec.upstream, names.authoritiesPem),
    identity: {
      groups: spec.identity?.groups ?? [],
      ttlSeconds: spec.identity?.ttlSeconds ?? defaultAssertionTtlSeconds,
      bytesMax: spec.identity?.bytesMax ?? defaultAssertionBytesMax,
    },
    webSocket: webSocketConfig(spec.webSocket),
    rateLimits: routeRateLimits(names.rateLimits, metadata.name, spec.rateLimits),
    headers: {
      request: headerEdits(spec.headers?.request),
      response: headerEdits(spec.headers?.response),
    },
    cors: corsRules(spec.cors),
    cookies: cookieRules(spec.cookies),
    headerLimits: {
      ...headerLimits(spec.headerLimits, names.headerLimits),
      audit: spec.headerLimits?.audit ?? false,
    },
    records: recordRules(names.records, spec.records),
  };
}

function webSocketConfig(webSocket: RouteDocument['spec']['webSocket']): RouteConfig['webSocket'] {
  const { idle = '', total = '' } = webSocket?.timeouts ?? {};
  const totalMs = durationMs(total) ?? defaultTunnelTotalMs;
  return {
    origins: webSocket?.origins ?? [],
    idleMs: durationMs(idle) ?? Math.min(defaultTunnelIdleMs, totalMs),
    totalMs,
  };
}
