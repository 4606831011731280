import { connect, isIP } from 'node:net';

/** One server of the bus, and whether somebody there speaks its protocol. */

export interface BusServer {
  readonly url: string;
  readonly host: string;
  readonly port: number;
}

const portDefault = 4222;

/** Reads `tls://host:port`. Throws TypeError for anything else: the bus is never used in the clear. */
export function parseBusServer(url: string): BusServer {
  const parsed = URL.parse(url);
  const bare = parsed !== null && parsed.username === '' && parsed.password === '';
  if (parsed?.protocol !== 'tls:' || parsed.hostname === '' || !bare) {
    throw new TypeError(`${url} is not tls://host:port`);
  }
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1');
  return { url, host, port: parsed.port === '' ? portDefault : Number(parsed.port) };
}

/** Whether the text names a server of the bus. */
export function isBusServer(url: string): boolean {
  try {
    parseBusServer(url);
    return true;
  } catch {
    return false;
  }
}

/** What TLS checks the server's certificate for. */
export function tlsNameOf({ host }: BusServer): { readonly servername?: string; host: string } {
  return isIP(host) === 0 ? { servername: host, host } : { host };
}

/**
 * Whether the server greets within `timeoutMs`. Asked before the library is let in: a server that
 * accepts and says nothing (stopped, or half gone) would cost it a socket at each attempt.
 */
export async function greets(server: BusServer, timeoutMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: server.host, port: server.port });
    const done = (greeted: boolean): void => {
      socket.destroy();
      resolve(greeted);
    };
    socket.setTimeout(timeoutMs, () => done(false));
    socket.once('data', (chunk: Buffer) => done(chunk.subarray(0, 5).toString() === 'INFO '));
    socket.once('error', () => done(false));
    socket.once('close', () => done(false));
  });
}
