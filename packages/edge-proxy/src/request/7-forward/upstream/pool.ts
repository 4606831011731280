import { createSecureContext, type PeerCertificate } from 'node:tls';
import { guardedLookup, type Lookup } from '@sallyport/shared/network/lookup';
import { buildConnector, Client } from 'undici';
import type {
  LiveBundle,
  TargetConfig,
  UpstreamConfig,
  UpstreamCredentials,
} from '../../../state/current.ts';
import type { ConnectionLine } from './connection-line.ts';
import type { Connections } from './connections.ts';
import { connectionReset } from './failures.ts';
import { Http2Connections } from './h2/pool.ts';
import { Http1Connections } from './http1.ts';
import { checkTarget } from './identity.ts';

type Times = Pick<UpstreamConfig, 'timeouts' | 'limits' | 'connectionMaxAgeMs'>;

/** What connections are made with, whatever the target. */
export interface Links {
  readonly internalNetworks: LiveBundle['settings']['internalNetworks'];
  readonly credentials: UpstreamCredentials;
  /** Resolves names; what it says is checked. */
  readonly lookup: Lookup;
  readonly line: ConnectionLine;
}

/**
 * What a connection holds back each way, as Node's own do. undici would take a quarter of that over
 * TLS: with one record of it a body stops and goes on again at each of its pieces.
 */
const buffers = { highWaterMark: 65_536 };

/** Connections to one target, with the settings of hardening.md section 4. */
export function openPool(target: TargetConfig, times: Times, links: Links): Connections {
  const { timeouts, limits, connectionMaxAgeMs } = times;
  const ready = connector(target, timeouts.connectMs, links);
  const { queueWaitMs } = limits;
  if (target.http2) {
    return new Http2Connections(target, times, links.line.guard(ready, queueWaitMs));
  }
  const open = (wanted: () => boolean): Client =>
    new Client(target.origin, {
      pipelining: 1,
      keepAliveTimeout: 8_000,
      keepAliveMaxTimeout: 10_000,
      // Best the same for both: undici makes a new timer where they differ, twice for each request.
      headersTimeout: timeouts.headersMs,
      bodyTimeout: timeouts.idleMs,
      maxHeaderSize: 16_384,
      allowH2: false,
      connect: links.line.guard(ready, queueWaitMs, wanted),
    });
  return new Http1Connections(open, limits.connections, connectionMaxAgeMs);
}

function connector(
  target: TargetConfig,
  timeout: number,
  { internalNetworks, credentials, lookup }: Links,
): buildConnector.connector {
  const connect = buildConnector({
    timeout,
    ...buffers,
    // undici's own HTTP/2 gives requests up without telling the upstream; see h2/ (ADR 18).
    allowH2: target.http2,
    preferH2: target.http2,
    // The address it checks is the address that is connected to (abuse row 127).
    lookup: guardedLookup(internalNetworks, lookup),
    // A resumed session would skip the check of the name (M20).
    maxCachedSessions: 0,
    ...(target.protocol === 'https:' ? tlsOptions(target, credentials) : {}),
  });
  // undici would ask for the name in the request's Host header, which is the client's.
  return (options, done) => {
    connect({ ...options, servername: target.serverName }, (...[error, socket]) => {
      // Before those of undici, which sees the name that it is given here.
      socket?.on('error', tellReset);
      if (error === null) done(null, socket);
      else done(error, null);
    });
  };
}

/** Half a response whose end only the connection tells must not look like a whole one (F31). */
function tellReset(error: NodeJS.ErrnoException): void {
  if (error.code === 'ECONNRESET') error.code = connectionReset;
}

function tlsOptions(
  target: TargetConfig,
  credentials: UpstreamCredentials,
): buildConnector.BuildOptions {
  return {
    rejectUnauthorized: true,
    checkServerIdentity: (_name: string, certificate: PeerCertificate) =>
      checkTarget(target, certificate),
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      cert: credentials.certificatePem,
      key: credentials.privateKeyPem,
      ...(target.authoritiesPem === null ? {} : { ca: [...target.authoritiesPem] }),
    }),
  };
}
