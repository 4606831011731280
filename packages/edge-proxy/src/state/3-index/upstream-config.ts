import { isIP } from 'node:net';
import { durationMs } from '@sallyport/policy';
import type { RouteDocument } from '@sallyport/shared/configuration/documents';
import {
  defaultCheckIntervalMs,
  defaultCheckTimeoutMs,
  defaultQueueWaitMs,
} from '@sallyport/shared/configuration/route-defaults';
import {
  type WrittenTarget,
  writtenTargets,
} from '@sallyport/shared/configuration/upstream-targets';
import type { HealthConfig, TargetConfig, UpstreamConfig } from '../current.ts';

type Written = RouteDocument['spec']['upstream'];

/** PEM certificates of a trust bundle; undefined: there is no such bundle. */
export type AuthoritiesOf = (trustBundle: string) => readonly string[] | undefined;

const connectMs = 5_000;
/** An upstream that sends nothing for so long is given up, before its headers and after them. */
const quietMs = 60_000;
const connectionMaxAgeMs = 300_000;
const connectionsMax = 1_024;
const queueMax = 1_024;

/** A route's upstream with its defaults filled in. Throws where a name or URL does not hold. */
export function upstreamConfig(upstream: Written, authoritiesOf: AuthoritiesOf): UpstreamConfig {
  const { timeouts, limits, ejection } = upstream;
  const targets = writtenTargets(upstream);
  if (targets.length === 0) throw new TypeError('the upstream has no address');
  return {
    way: {
      targets: targets.map((target) => targetConfig(target, upstream, authoritiesOf)),
      host: upstream.host ?? 'preserve',
      path: {
        stripPrefix: upstream.path?.stripPrefix ?? '',
        addPrefix: upstream.path?.addPrefix ?? '',
      },
    },
    weights: targets.map(({ weight }) => weight),
    timeouts: {
      connectMs: milliseconds(timeouts?.connect, connectMs),
      headersMs: milliseconds(timeouts?.headers, quietMs),
      idleMs: milliseconds(timeouts?.idle, quietMs),
      // A call may be quiet for as long as its deadline lets it, unless the route says otherwise.
      calls: {
        headersMs: durationOrNull(timeouts?.headers),
        idleMs: durationOrNull(timeouts?.idle),
      },
      totalMs: durationOrNull(timeouts?.total),
    },
    connectionMaxAgeMs: milliseconds(upstream.connectionMaxAge, connectionMaxAgeMs),
    limits: {
      connections: limits?.connections ?? connectionsMax,
      queue: limits?.queue ?? queueMax,
      queueWaitMs: milliseconds(limits?.queueWait, defaultQueueWaitMs),
    },
    ejection: {
      failures: ejection?.failures ?? 5,
      timeMs: milliseconds(ejection?.time, 30_000),
      percentMax: ejection?.percentMax ?? 50,
    },
    retry: {
      attempts: upstream.retry?.attempts ?? 1,
      budgetPercent: upstream.retry?.budgetPercent ?? 10,
    },
    health: healthConfig(upstream.health),
  };
}

function healthConfig(health: Written['health']): HealthConfig | null {
  if (health === undefined) return null;
  return {
    path: health.path,
    intervalMs: milliseconds(health.interval, defaultCheckIntervalMs),
    timeoutMs: milliseconds(health.timeout, defaultCheckTimeoutMs),
    healthyAfter: health.healthyAfter ?? 2,
    unhealthyAfter: health.unhealthyAfter ?? 3,
    statuses: health.statuses ?? null,
  };
}

function targetConfig(
  target: WrittenTarget,
  upstream: Written,
  authoritiesOf: AuthoritiesOf,
): TargetConfig {
  const url = new URL(target.url);
  const { protocol } = url;
  if (protocol !== 'https:' && protocol !== 'http:') {
    throw new TypeError(`the upstream's URL has the scheme ${protocol}`);
  }
  if (protocol === 'http:' && upstream.plainHttp !== true) {
    throw new TypeError('the upstream is plain HTTP without plainHttp: true');
  }
  const hostname = url.hostname.replace(/^\[|\]$/g, '');
  const defaultPort = protocol === 'https:' ? 443 : 80;
  return {
    protocol,
    hostname,
    http2: upstream.protocol === 'http2',
    port: url.port === '' ? defaultPort : Number(url.port),
    origin: url.origin,
    serverName: target.serverName ?? (isIP(hostname) === 0 ? hostname : ''),
    spiffeId: upstream.spiffeId ?? null,
    authoritiesPem: upstreamAuthorities(upstream.trustBundle, authoritiesOf),
  };
}

function durationOrNull(written: string | undefined): number | null {
  return written === undefined ? null : durationMs(written);
}

function milliseconds(written: string | undefined, otherwise: number): number {
  return (written === undefined ? null : durationMs(written)) ?? otherwise;
}

function upstreamAuthorities(
  trustBundle: string | undefined,
  authoritiesOf: AuthoritiesOf,
): readonly string[] | null {
  if (trustBundle === undefined) return null;
  const pem = authoritiesOf(trustBundle);
  // Without this an unknown bundle would quietly mean the system's authorities.
  if (pem === undefined) throw new TypeError(`there is no trust bundle ${trustBundle}`);
  return pem;
}
