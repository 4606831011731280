import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Log } from '@sallyport/shared/log';
import type { CurrentState } from '../../state/current.ts';
import type { ListenAddress } from '../../worker/request-worker.ts';
import type { ClientExchange, RawRequest } from '../client/exchange.ts';
import { Http1Connection, Http1Exchange } from '../client/http1.ts';
import type { ClientConnection } from '../exchange.ts';
import { type RefusalCode, refusals, type TurnedAwayCode } from '../words.ts';
import { connectionOf } from './connection.ts';
import { FrontConnections } from './front-connections.ts';
import { noFronts } from './fronts.ts';
import { type RefusedHandshake, refusedHandshake } from './refused-handshakes.ts';
import { ServerNames } from './server-names.ts';
import { contextOptions, handshakeTimeoutMs } from './tls-options.ts';

/** Limits of hardening.md section 2. The header count has its own check in the gate (M9). */
const serverOptions = {
  ...contextOptions,
  handshakeTimeout: handshakeTimeoutMs,
  requestCert: true,
  // A bad device certificate must reach our own check, which says what is wrong with it (2-device).
  rejectUnauthorized: false,
  ALPNProtocols: ['http/1.1'],
  headersTimeout: 10_000,
  // Bodies stream for as long as bytes come: the idle limit below holds for them.
  requestTimeout: 0,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 10_000,
  maxHeaderSize: 16_384,
  insecureHTTPParser: false,
  // The gate requires it: Node would answer by itself, and nobody would hear of the request.
  requireHostHeader: false,
  rejectNonStandardBodyWrites: true,
  joinDuplicateHeaders: false,
} as const;
/** Requests of one connection that may wait for their turn. */
const pipelinedMax = 32;
const idleMs = 120_000;
const requestsPerConnectionMax = 1_000;
const connectionsMax = 20_000;

/** What the listener hands on. */
export interface ListenerEvents {
  /** A request whose headers are complete; `refusal`: why it cannot be served all the same. */
  received(
    connection: ClientConnection,
    raw: RawRequest,
    client: ClientExchange,
    refusal: RefusalCode | null,
  ): void;
  /** Bytes that are no request. false: the connection has still to be closed. */
  unreadable(connection: ClientConnection, code: RefusalCode): boolean;
  /** A connection that was ended before it could carry a request. */
  refused(handshake: RefusedHandshake): void;
  closed(connection: ClientConnection): void;
  /** A front proxy did not say whom it speaks for; the connection is closed already. */
  turnedAway(sourceAddress: string, code: TurnedAwayCode): void;
}

export interface Listener {
  /** Opens it; resolves with the port, rejects where it cannot be opened. */
  listen(address: ListenAddress): Promise<number>;
  openConnections(): number;
  connections(): Iterable<ClientConnection>;
  /** Takes no more connections, and closes those that are idle. */
  stop(): void;
  /** Destroys all connections; resolves when the last has gone. */
  destroy(): Promise<void>;
}

/** The public listener: TLS, HTTP/1.1, and what is refused before any of our code reads it. */
export function createListener(state: CurrentState, log: Log, events: ListenerEvents): Listener {
  let names = buildNames(state);
  const refresh = (): void => {
    try {
      names = buildNames(state);
    } catch (error) {
      // The last good contexts go on serving.
      log.error('listener_contexts_not_replaced', { error });
    }
  };
  state.onChange((change) => {
    if (change.bundleChanged) refresh();
  });
  state.onCredentialsChange(refresh);

  const server = createServer({
    ...serverOptions,
    // No certificate of its own: a hello without a name that we serve ends in an alert.
    ca: [],
    SNICallback: (serverName, done) => {
      try {
        done(null, names.find(serverName)?.context);
      } catch (error) {
        log.error('sni_failed', { error });
        done(null, undefined);
      }
    },
    shouldUpgradeCallback: (request) => /websocket/i.test(request.headers.upgrade ?? ''),
  });
  server.maxHeadersCount = 0;
  server.maxRequestsPerSocket = requestsPerConnectionMax;
  server.maxConnections = connectionsMax;
  server.timeout = idleMs;

  const connections = new Map<TLSSocket, ClientConnection>();
  const fronts = new FrontConnections(
    () => state.bundle()?.settings.frontProxies ?? noFronts,
    (sourceAddress, code) => events.turnedAway(sourceAddress, code),
  );
  trackConnections(
    server,
    connections,
    (socket) =>
      connectionOf(
        socket,
        (name) => names.find(name),
        (of) => fronts.clientOf(of),
      ),
    (error, socket) =>
      refusedHandshake(
        error,
        socket,
        (name) => names.find(name) !== null,
        (of) => fronts.clientOf(of),
      ),
    events,
  );
  handRequestsOn(server, connections, events);
  fronts.guard(server);
  server.on('error', (error) => log.error('listener_failed', { error }));
  return {
    listen: (address) => open(server, address),
    openConnections: () => connections.size,
    connections: () => connections.values(),
    stop: () => {
      server.close();
      server.closeIdleConnections();
    },
    destroy: async () => {
      const gone = [...connections.keys()].map(
        (socket) => new Promise<void>((resolve) => socket.once('close', () => resolve())),
      );
      for (const socket of connections.keys()) socket.destroy();
      fronts.destroy();
      server.closeAllConnections();
      await Promise.all(gone);
    },
  };
}

function buildNames(state: CurrentState): ServerNames {
  return new ServerNames(state.serverCertificates(), state.bundle()?.deviceAuthoritiesPem ?? []);
}

/** Notes each finished handshake before Node reads a request from it. */
function trackConnections(
  server: Server,
  connections: Map<TLSSocket, ClientConnection>,
  look: (socket: TLSSocket) => ClientConnection | null,
  lookAtRefused: (error: Error | null, socket: TLSSocket) => RefusedHandshake | null,
  events: ListenerEvents,
): void {
  const refuse = (error: Error | null, socket: TLSSocket): void => {
    const refused = lookAtRefused(error, socket);
    socket.destroy();
    if (refused !== null) events.refused(refused);
  };
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    // Stays to the end: an upgrade takes Node's own handlers away (CVE-2025-59465).
    socket.on('error', ignore);
    const connection = look(socket);
    if (connection === null) {
      refuse(null, socket);
      return;
    }
    connections.set(socket, connection);
    socket.once('close', () => {
      connections.delete(socket);
      events.closed(connection);
    });
  });
  server.on('tlsClientError', refuse);
  // Before the handshake is through there is no TLS socket to hear of it.
  server.on('connection', (socket: Duplex) => socket.on('error', ignore));
}

function handRequestsOn(
  server: Server,
  connections: ReadonlyMap<TLSSocket, ClientConnection>,
  events: ListenerEvents,
): void {
  const known = new WeakMap<Duplex, Http1Connection>();
  const connectionBehind = (socket: Duplex): Http1Connection | null => {
    const before = known.get(socket);
    if (before !== undefined) return before;
    const client = socket instanceof TLSSocket ? connections.get(socket) : undefined;
    if (client === undefined) return null;
    const connection = new Http1Connection(client, socket as TLSSocket);
    known.set(socket, connection);
    return connection;
  };
  const hand = (
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    upgradeHead: Buffer | null,
  ): void => {
    const { client } = connection;
    const raw = rawRequest(request, upgradeHead !== null);
    const exchange = new Http1Exchange(connection, request, response, upgradeHead);
    const tooDeep = client.exchanges.size >= pipelinedMax;
    events.received(client, raw, exchange, tooDeep ? 'pipeline_too_deep' : null);
  };

  const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = connectionBehind(request.socket);
    if (connection === null) request.socket.destroy();
    else if (!connection.closing) hand(connection, request, response, null);
  };
  server.on('request', onRequest);
  server.on('checkContinue', onRequest);
  server.on('checkExpectation', onRequest);

  /** Node gives no response object for these; the answer still leaves through one. */
  const onSwitch = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const connection = connectionBehind(socket);
    if (connection === null || connection.closing) {
      socket.destroy();
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(connection.socket);
    response.once('finish', () => connection.socket.destroySoon());
    hand(connection, request, response, head);
  };
  server.on('upgrade', onSwitch);
  server.on('connect', onSwitch);

  const onUnreadable = (socket: Duplex, code: RefusalCode): void => {
    const connection = connectionBehind(socket);
    if (connection === null) socket.destroy();
    if (connection === null || connection.closing) return;
    if (events.unreadable(connection.client, code)) return;
    connection.closing = true;
    const waiting = connection.client.exchanges.size > 0;
    if (waiting || !socket.writable) socket.destroy();
    else socket.end(rawAnswer(refusals[code].status));
  };
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const code = refusalOf(error, socket);
    if (code === null) socket.destroy();
    else onUnreadable(socket, code);
  });
  server.on('dropRequest', (_request, socket) => onUnreadable(socket, 'pipeline_too_deep'));
}

function rawRequest(request: IncomingMessage, upgrading: boolean): RawRequest {
  const { httpVersion, method = '', url = '', rawHeaders } = request;
  return { version: httpVersion, method, target: url, lines: rawHeaders, upgrading };
}

function rawAnswer(status: number): string {
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}\r\n` +
    'Connection: close\r\nContent-Length: 0\r\nCache-Control: no-store\r\n\r\n'
  );
}

/** null: the connection broke off, or was opened for later as browsers do; nothing was asked. */
function refusalOf(error: NodeJS.ErrnoException, socket: Duplex): RefusalCode | null {
  const code = error.code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW') return 'headers_too_large';
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    return socket instanceof TLSSocket && socket.bytesRead > 0 ? 'request_timeout' : null;
  }
  if (code === 'HPE_INVALID_EOF_STATE' || !code.startsWith('HPE_')) return null;
  return 'malformed';
}

function open(server: Server, address: ListenAddress): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(
      { host: address.host, port: address.port, reusePort: address.reusePort, backlog: 1024 },
      () => {
        server.off('error', reject);
        const bound = server.address();
        if (bound === null || typeof bound === 'string') reject(new Error('no TCP address'));
        else resolve(bound.port);
      },
    );
  });
}

function ignore(): void {
  // The connection ends with `close`, where its exchanges are ended too.
}
