import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import { proxyHeader } from '@sallyport/shared/testing/proxy-header';
import type { StackDescription } from '../stack.ts';

/** What is needed of a stack to reach its edges through a front proxy. */
export type FrontedStack = Pick<StackDescription, 'edges' | 'fronts'>;

/**
 * Opens TLS to an edge from any client address: the connection comes from the stack's front proxy
 * and begins with a header of PROXY protocol version 2 that says `address`.
 */
export async function connectFrom(
  { fronts }: Pick<StackDescription, 'fronts'>,
  port: number,
  address: string,
  tls: ConnectionOptions,
): Promise<TLSSocket> {
  const raw = connectTcp({ host: '127.0.0.1', port, localAddress: fronts.proxyV2 });
  try {
    await once(raw, 'connect');
    raw.write(proxyHeader(address));
    const socket = connectTls({ ...tls, socket: raw });
    await once(socket, 'secureConnect');
    return socket;
  } catch (error) {
    raw.destroy();
    throw error;
  }
}
