import { once } from 'node:events';
import { duplexPair } from 'node:stream';
import { connect, createSecureContext, type SecureContextOptions, TLSSocket } from 'node:tls';
import { opensslOption } from './openssl.ts';

/** Clients of this process would get session tickets. */
export class TicketsSentError extends Error {
  override readonly name = 'TicketsSentError';
}

/**
 * Throws TicketsSentError where a server of this process with this context sends session tickets in
 * TLS 1.3. OpenSSL says nothing of settings that it could not read, so a handshake is made and looked
 * at. `context`: with certificate and key.
 */
export async function refuseTickets(context: SecureContextOptions): Promise<void> {
  if (!(await sendsTickets(context))) return;
  throw new TicketsSentError(
    `OpenSSL sends session tickets in this process: start it with ${opensslOption}, or say ` +
      '`NumTickets = 0` in the settings that OPENSSL_CONF or --openssl-config names',
  );
}

async function sendsTickets(context: SecureContextOptions): Promise<boolean> {
  const [serverEnd, clientEnd] = duplexPair();
  const secureContext = createSecureContext(context);
  const server = new TLSSocket(serverEnd, { isServer: true, secureContext });
  // Who it is does not matter: it is ourselves.
  const client = connect({ socket: clientEnd, minVersion: 'TLSv1.3', rejectUnauthorized: false });
  let tickets = 0;
  client.on('session', () => {
    tickets += 1;
  });
  // Tickets are sent when the handshake ends, so what is answered to the client comes behind them.
  server.once('data', (byte: Buffer) => server.write(byte));
  client.once('secureConnect', () => client.write('?'));
  try {
    const failure = once(server, 'error').then(([error]) => Promise.reject(error as Error));
    await Promise.race([once(client, 'data'), failure]);
  } finally {
    client.destroy();
    server.destroy();
  }
  return tickets > 0;
}
