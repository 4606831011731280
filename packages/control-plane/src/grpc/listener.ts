import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type SecureContextOptions, type Server, type TLSSocket } from 'node:tls';
import type { HostPort } from '@sallyport/shared/host-port';
import type { Log } from '@sallyport/shared/log';
import { Connections } from './connections.ts';
import type { ServerCertificate } from './server-certificate.ts';

export interface GrpcListenerOptions {
  readonly listen: HostPort;
  readonly certificate: ServerCertificate;
  /** Authorities of edge certificates, PEM. */
  readonly clientAuthorities: readonly string[];
  /** The edge that a connection's certificate names now, if any. */
  readonly edgeIdOf: (socket: TLSSocket) => string | null;
  /** Takes each connection that spoke TLS 1.3 and h2. */
  readonly onConnection: (socket: TLSSocket) => void;
  readonly log: Log;
}

export interface GrpcListener {
  readonly address: HostPort;
  readonly connections: Connections;
  /** New connections get this certificate; those that are open keep theirs. */
  setCertificate(certificate: ServerCertificate): void;
  /** Takes no more connections; resolves when the open ones are gone. */
  close(): Promise<void>;
}

const connectionsMax = 8_192;

/**
 * The TLS listener under grpc-js, whose own credentials can set neither the version nor tickets.
 * A client certificate is asked for and not demanded, because an edge that joins has none; every
 * call but Join looks at it (authenticate.ts).
 */
export async function listenGrpc(options: GrpcListenerOptions): Promise<GrpcListener> {
  const { listen, log, onConnection } = options;
  const connections = new Connections();
  const server = createServer({
    ...contextOptions(options.certificate, options.clientAuthorities),
    ALPNProtocols: ['h2'],
    requestCert: true,
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
  });
  server.maxConnections = connectionsMax;
  server.on('secureConnection', (socket) => {
    socket.on('error', (error) => log.debug('grpc.connection_error', { error }));
    if (socket.alpnProtocol !== 'h2') {
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    connections.add(socket, options.edgeIdOf(socket));
    onConnection(socket);
  });
  server.on('tlsClientError', (error, socket) => {
    log.debug('grpc.handshake_failed', { error });
    socket.destroy();
  });
  server.on('drop', () => log.warn('grpc.connection_dropped', { connectionsMax }));
  server.listen(listen.port, listen.host);
  await once(server, 'listening');
  server.on('error', (error) => log.error('grpc.listener_error', { error }));
  return {
    address: { host: listen.host, port: portOf(server) },
    connections,
    setCertificate(certificate) {
      server.setSecureContext(contextOptions(certificate, options.clientAuthorities));
    },
    async close() {
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
}

/**
 * No tickets: a resumed session would carry a certificate that nobody presented again. Here they are
 * made to resume nothing; that none is sent at all is set for the process (shared/tls).
 */
function contextOptions(
  certificate: ServerCertificate,
  clientAuthorities: readonly string[],
): SecureContextOptions {
  return {
    cert: certificate.certificatePem,
    key: certificate.privateKeyPem,
    ca: [...clientAuthorities],
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256',
    sigalgs:
      'ecdsa_secp256r1_sha256:ecdsa_secp384r1_sha384:ed25519:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384',
    secureOptions: constants.SSL_OP_NO_TICKET | constants.SSL_OP_NO_RENEGOTIATION,
  };
}

function portOf(server: Server): number {
  const address = server.address() as AddressInfo;
  return address.port;
}
