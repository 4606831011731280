import type { Socket } from 'node:net';
import type { TurnedAwayCode } from '../words.ts';
import { type NamedClient, proxyHeaderFixedBytes, readClient, readFixed } from './proxy-header.ts';

/** What came before anything else on a connection from a front proxy. */
export type TakenHeader =
  | ({ readonly kind: 'client' } & NamedClient)
  | { readonly kind: 'refused'; readonly code: TurnedAwayCode }
  /** It went without a word, as checks of load balancers do. */
  | { readonly kind: 'gone' };

/**
 * Reads the header from a socket and not one byte more: what follows stays in the socket, where a
 * TLS server takes it over. `done` is called once; the socket is left open.
 */
export function takeProxyHeader(
  socket: Socket,
  deadlineMs: number,
  done: (taken: TakenHeader) => void,
): void {
  let fixed: Buffer | null = null;

  const end = (taken: TakenHeader): void => {
    clearTimeout(timer);
    socket.off('readable', read);
    socket.off('end', ended);
    socket.off('close', ended);
    done(taken);
  };
  const refuse = (code: TurnedAwayCode): void => end({ kind: 'refused', code });
  const ended = (): void => {
    if (fixed === null) end({ kind: 'gone' });
    else refuse('proxy_header_invalid');
  };
  const read = (): void => {
    if (fixed === null) {
      fixed = socket.read(proxyHeaderFixedBytes) as Buffer | null;
      if (fixed === null) return;
    }
    const length = readFixed(fixed);
    if (typeof length !== 'number') return refuse(length);
    const rest = length === 0 ? none : (socket.read(length) as Buffer | null);
    if (rest === null) return;
    // Where the client has closed, the stream gives what is left of it.
    if (rest.length < length) return refuse('proxy_header_invalid');
    const client = readClient(Buffer.concat([fixed, rest]));
    if (client === null) refuse('proxy_header_invalid');
    else end({ kind: 'client', ...client });
  };
  const timer = setTimeout(() => refuse('proxy_header_timeout'), deadlineMs);
  socket.on('readable', read);
  socket.on('end', ended);
  socket.on('close', ended);
}

const none = Buffer.alloc(0);
