import type { TLSSocket } from 'node:tls';
import { canonicalHost } from '@sallyport/policy';
import type { PeerCertificate } from '../exchange.ts';
import type { HandshakeCode } from '../words.ts';
import { peerAddress } from './peer-address.ts';

/** A handshake that came to nothing because of what the client offered. */
export interface RefusedHandshake {
  readonly code: HandshakeCode;
  /** Canonical; empty: not known any more. */
  readonly sourceAddress: string;
  /** Canonical; empty: none was sent that is a host's name. */
  readonly serverName: string;
  /** Shown where only known ones are served. */
  readonly peer: PeerCertificate | null;
}

/** null: the client went away or sent nothing, as health checks do; nothing was refused. */
export function refusedHandshake(
  why: NodeJS.ErrnoException | HandshakeCode,
  socket: TLSSocket,
  isServed: (serverName: string) => boolean,
  clientOf: (socket: TLSSocket) => string | null,
): RefusedHandshake | null {
  if (typeof why !== 'string' && !(why.code ?? '').startsWith('ERR_SSL_')) return null;
  // `false` where the client sent none.
  const sent: unknown = socket.servername;
  const serverName = typeof sent === 'string' ? (canonicalHost(sent) ?? '') : '';
  const unknown = serverName !== '' && !isServed(serverName);
  const failed = unknown ? 'server_name_unknown' : 'tls_failed';
  return {
    code: typeof why === 'string' ? why : failed,
    sourceAddress: clientOf(socket) ?? peerAddress(socket) ?? '',
    serverName,
    peer: null,
  };
}

const perSecond = 20;
const burst = 200;

/**
 * How many of them are written down: whoever opens connections without end fills no records, and
 * drives none of others out.
 */
export class HandshakeBudget {
  #left = burst;
  #atMs = 0;

  take(nowMs: number): boolean {
    const earned = (Math.max(0, nowMs - this.#atMs) / 1_000) * perSecond;
    this.#left = Math.min(burst, this.#left + earned);
    this.#atMs = nowMs;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
