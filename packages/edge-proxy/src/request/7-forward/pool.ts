import { checkServerIdentity, createSecureContext, type PeerCertificate } from 'node:tls';
import { guardedLookup } from '@sallyport/shared/network/lookup';
import { buildConnector, Pool } from 'undici';
import type { LiveBundle, UpstreamConfig, UpstreamCredentials } from '../../state/current.ts';
import { connectionsMax } from './upstream.ts';

/** An upstream that sends nothing for so long is given up, before its headers and after them. */
const quietMs = 60_000;

type Networks = LiveBundle['settings']['internalNetworks'];

/** Connections to an upstream, with the settings of hardening.md section 4. */
export function openPool(
  upstream: UpstreamConfig,
  internalNetworks: Networks,
  credentials: UpstreamCredentials,
): Pool {
  return new Pool(upstream.origin, {
    connections: connectionsMax,
    pipelining: 1,
    keepAliveTimeout: 8_000,
    keepAliveMaxTimeout: 10_000,
    // The same for both: undici makes a new timer where they differ, twice for each request.
    headersTimeout: quietMs,
    bodyTimeout: quietMs,
    maxHeaderSize: 16_384,
    allowH2: false,
    connect: connector(upstream, internalNetworks, credentials),
  });
}

function connector(
  upstream: UpstreamConfig,
  internalNetworks: Networks,
  credentials: UpstreamCredentials,
): buildConnector.connector {
  const connect = buildConnector({
    timeout: 5_000,
    allowH2: false,
    // The address it checks is the address that is connected to (abuse row 127).
    lookup: guardedLookup(internalNetworks),
    // A resumed session would skip the check of the name (M20).
    maxCachedSessions: 0,
    ...(upstream.protocol === 'https:' ? tlsOptions(upstream, credentials) : {}),
  });
  // undici would ask for the name in the request's Host header, which is the client's.
  return (options, done) => {
    connect({ ...options, servername: upstream.serverName }, done);
  };
}

function tlsOptions(
  upstream: UpstreamConfig,
  credentials: UpstreamCredentials,
): buildConnector.BuildOptions {
  return {
    rejectUnauthorized: true,
    checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
      checkServerIdentity(upstream.serverName || upstream.hostname, certificate),
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      cert: credentials.certificatePem,
      key: credentials.privateKeyPem,
      ...(upstream.authoritiesPem === null ? {} : { ca: [...upstream.authoritiesPem] }),
    }),
  };
}
