import { type ClientRequest, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import type { PeerCertificate } from 'node:tls';
import { assertionHeader } from '@sallyport/shared/assertion/claims';
import { localhostLookup } from '@sallyport/shared/network/lookup';
import { isServerOf } from '@sallyport/shared/pki/spiffe-server';
import { errorCode } from '../client/settings.ts';
import type { Target } from './target.ts';

/** What came of one request to an upstream. */
export type Asked =
  | { readonly kind: 'answer'; readonly status: number; readonly location: string | null }
  /** Nothing listens there for us, or no address is known. */
  | { readonly kind: 'unreachable'; readonly detail: string }
  /** It wants a certificate that edges have and we have not. */
  | { readonly kind: 'certificate_wanted' }
  /** It is there, and what it is could not be told. */
  | { readonly kind: 'unclear'; readonly detail: string };

export interface AskOptions {
  readonly method: 'GET' | 'HEAD';
  readonly timeoutMs: number;
  /** null: none is sent. */
  readonly assertion: string | null;
  /** Ends the request early. */
  readonly signal: AbortSignal;
}

const headerBytesMax = 32_768;

/** Asks an upstream once, over a connection of its own; reads no body and follows nothing. */
export function askUpstream(target: Target, url: URL, options: AskOptions): Promise<Asked> {
  return new Promise((resolve) => {
    const asking = open(target, url, options);
    let connected = false;
    const end = (asked: Asked): void => {
      clearTimeout(timer);
      asking.destroy();
      resolve(asked);
    };
    const timer = setTimeout(() => {
      const within = `within ${options.timeoutMs / 1000} s`;
      if (connected) end({ kind: 'unclear', detail: `no answer ${within}` });
      else end({ kind: 'unreachable', detail: `no connection ${within}` });
    }, options.timeoutMs);
    asking.on('socket', (socket) => socket.once('connect', () => (connected = true)));
    asking.on('response', ({ statusCode = 0, headers }) =>
      end({ kind: 'answer', status: statusCode, location: headers.location ?? null }),
    );
    asking.on('error', (error) => end(failure(errorCode(error), connected)));
    asking.end();
  });
}

function open(target: Target, url: URL, { method, assertion, signal }: AskOptions): ClientRequest {
  const common = {
    method,
    signal,
    agent: false,
    lookup: localhostLookup,
    maxHeaderSize: headerBytesMax,
    headers: {
      host: target.host,
      accept: '*/*',
      'user-agent': 'sallyport-probe',
      connection: 'close',
      ...(assertion === null ? {} : { [assertionHeader]: assertion }),
    },
  } as const;
  if (url.protocol === 'http:') return requestHttp(url, common);
  return requestHttps(url, {
    ...common,
    servername: target.serverName,
    ...(target.spiffeId === null ? {} : { checkServerIdentity: spiffeCheck(target.spiffeId) }),
    ...(target.authorities === null ? {} : { ca: target.authorities }),
  });
}

function spiffeCheck(spiffeId: string) {
  return (_name: string, { raw }: PeerCertificate): Error | undefined =>
    isServerOf(raw, spiffeId) ? undefined : new Error(`not the certificate of ${spiffeId}`);
}

/** Alerts of TLS by which a server says that it asks for a certificate of ours. */
const certificateWanted =
  /CERTIFICATE_REQUIRED|ALERT_HANDSHAKE_FAILURE|ALERT_BAD_CERTIFICATE|ALERT_CERTIFICATE_UNKNOWN/;

function failure(code: string, connected: boolean): Asked {
  if (certificateWanted.test(code)) return { kind: 'certificate_wanted' };
  return connected ? { kind: 'unclear', detail: code } : { kind: 'unreachable', detail: code };
}
