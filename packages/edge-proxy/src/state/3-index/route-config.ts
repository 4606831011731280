import { isIP } from 'node:net';
import type { RouteDocument, SettingsDocument } from '@sallyport/shared/configuration/documents';
import type { RouteConfig, UpstreamConfig } from '../current.ts';
import { recordRules } from './record-rules.ts';

/** What the names in a route's document stand for. */
export interface RouteNames {
  /** PEM certificates of a trust bundle; undefined: there is no such bundle. */
  authoritiesPem(trustBundle: string): readonly string[] | undefined;
  /** Of the settings. */
  readonly records: SettingsDocument['spec']['records'];
}

const defaultAssertionTtlSeconds = 120;
const defaultAssertionBytesMax = 1024;

/** A route's document with its defaults filled in. Throws where a name or URL does not hold. */
export function routeConfig(document: RouteDocument, names: RouteNames): RouteConfig {
  const { spec, metadata } = document;
  const hosts = [...new Set(spec.match.map((match) => match.host))];
  return {
    name: metadata.name,
    hosts,
    audience: spec.audience ?? `https://${hosts[0] ?? ''}`,
    upstream: upstreamConfig(spec.upstream, names),
    identity: {
      groups: spec.identity?.groups ?? [],
      ttlSeconds: spec.identity?.ttlSeconds ?? defaultAssertionTtlSeconds,
      bytesMax: spec.identity?.bytesMax ?? defaultAssertionBytesMax,
    },
    webSocketOrigins: spec.webSocket?.origins ?? [],
    records: recordRules(names.records, spec.records),
  };
}

function upstreamConfig(
  upstream: RouteDocument['spec']['upstream'],
  names: RouteNames,
): UpstreamConfig {
  const url = new URL(upstream.url);
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
    port: url.port === '' ? defaultPort : Number(url.port),
    origin: url.origin,
    serverName: upstream.serverName ?? (isIP(hostname) === 0 ? hostname : ''),
    host: upstream.host ?? 'preserve',
    authoritiesPem: upstreamAuthorities(upstream.trustBundle, names),
  };
}

function upstreamAuthorities(
  trustBundle: string | undefined,
  names: RouteNames,
): readonly string[] | null {
  if (trustBundle === undefined) return null;
  const pem = names.authoritiesPem(trustBundle);
  // Without this an unknown bundle would quietly mean the system's authorities.
  if (pem === undefined) throw new TypeError(`there is no trust bundle ${trustBundle}`);
  return pem;
}
