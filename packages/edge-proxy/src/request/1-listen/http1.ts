import { type IncomingMessage, ServerResponse, STATUS_CODES } from 'node:http';
import type { Server, ServerOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { ClientExchange, RawRequest } from '../client/exchange.ts';
import { Http1Connection, Http1Exchange } from '../client/http1.ts';
import type { ClientConnection } from '../exchange.ts';
import { type RefusalCode, refusals } from '../words.ts';

/** Limits of hardening.md section 2. The header count has its own check in the gate (M9). */
export const http1Options = {
  headersTimeout: 10_000,
  // Bodies stream for as long as bytes come: the idle limit below holds for them.
  requestTimeout: 0,
  connectionsCheckingInterval: 2_000,
  keepAliveTimeout: 10_000,
  // Above the limit of the gate, which answers and records what this one would cut off.
  maxHeaderSize: 65_536,
  insecureHTTPParser: false,
  // The gate requires it: Node would answer by itself, and nobody would hear of the request.
  requireHostHeader: false,
  rejectNonStandardBodyWrites: true,
  // A stream for a body that cannot come costs more than the rest of its request does.
  optimizeEmptyRequests: true,
  joinDuplicateHeaders: false,
  shouldUpgradeCallback: (request) => /websocket/i.test(request.headers.upgrade ?? ''),
} as const satisfies ServerOptions;
/** Nothing moves, and nothing is under way. */
const idleMs = 120_000;
const requestsPerConnectionMax = 1_000;
/** Requests of one connection that may wait for their turn. */
const pipelinedMax = 32;
/** For a client to read why it is turned away, and to close. */
const farewellMs = 5_000;

/** What a protocol hands on. */
export interface RequestEvents {
  /** A request whose headers are complete; `refusal`: why it cannot be served all the same. */
  received(
    connection: ClientConnection,
    raw: RawRequest,
    client: ClientExchange,
    refusal: RefusalCode | null,
  ): void;
  /** Bytes that are no request. false: the connection has still to be closed. */
  unreadable(connection: ClientConnection, code: RefusalCode): boolean;
  /** Something that was asked for, or done, where no answer can be given. */
  unanswerable(connection: ClientConnection, code: RefusalCode): void;
}

/** Requests as Node's own server for HTTP/1.1 reads them from the connections that it is given. */
export class Http1Requests {
  readonly #find: (socket: TLSSocket) => ClientConnection | null;
  readonly #events: RequestEvents;
  readonly #connections = new WeakMap<Duplex, Http1Connection>();

  /** `find`: whose connection it is; null: nobody's who can be served. */
  constructor(find: (socket: TLSSocket) => ClientConnection | null, events: RequestEvents) {
    this.#find = find;
    this.#events = events;
  }

  serve(server: Server): void {
    server.maxHeadersCount = 0;
    server.maxRequestsPerSocket = requestsPerConnectionMax;
    server.timeout = idleMs;
    server.on('timeout', this.#onIdle);
    server.on('request', this.#onRequest);
    server.on('checkContinue', this.#onRequest);
    server.on('checkExpectation', this.#onRequest);
    server.on('upgrade', this.#onSwitch);
    server.on('connect', this.#onSwitch);
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const code = refusalOf(error, socket);
      if (code === null) socket.destroy();
      else this.#onUnreadable(socket, code);
    });
    server.on('dropRequest', (_request, socket) => this.#onUnreadable(socket, 'pipeline_too_deep'));
  }

  readonly #onRequest = (request: IncomingMessage, response: ServerResponse): void => {
    const connection = this.#connectionBehind(request.socket);
    // Behind an offer that was not taken up, Node drops what has come, and does not hear of nonsense.
    if (request.headers.upgrade !== undefined) response.shouldKeepAlive = false;
    if (connection === null) request.socket.destroy();
    else if (!connection.closing) this.#hand(connection, request, response, null);
  };

  /** How long a response may be quiet is said by its route, and looked after at its upstream. */
  readonly #onIdle = (socket: Duplex): void => {
    const connection = this.#connections.get(socket);
    if (connection === undefined || connection.client.exchanges.size === 0) socket.destroy();
  };

  /** Node gives no response object for these; the answer still leaves through one. */
  readonly #onSwitch = (request: IncomingMessage, wrapped: Duplex, head: Buffer): void => {
    const { socket } = request;
    // Where a body is still to come, Node hands on a stream of its own for what is behind that.
    if (wrapped !== socket) wrapped.on('error', ignore);
    const connection = this.#connectionBehind(socket);
    if (connection === null || connection.closing) {
      socket.destroy();
      return;
    }
    // The socket belongs to an answer that is still to come: no protocol changes under that.
    if (connection.client.exchanges.size > 0) {
      this.#onUnreadable(socket, 'upgrade_invalid');
      return;
    }
    const response = new ServerResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(connection.socket);
    response.once('finish', () => connection.socket.destroySoon());
    this.#hand(connection, request, response, head);
  };

  #onUnreadable(socket: Duplex, code: RefusalCode): void {
    const connection = this.#connectionBehind(socket);
    if (connection === null) socket.destroy();
    if (connection === null || connection.closing) return;
    if (this.#events.unreadable(connection.client, code)) return;
    connection.closing = true;
    const waiting = connection.client.exchanges.size > 0;
    if (waiting || !socket.writable) socket.destroy();
    else endSoon(socket, rawAnswer(refusals[code].status));
  }

  #connectionBehind(socket: Duplex): Http1Connection | null {
    const known = this.#connections.get(socket);
    if (known !== undefined) return known;
    if (!(socket instanceof TLSSocket)) return null;
    const client = this.#find(socket);
    if (client === null) return null;
    const connection = new Http1Connection(client, socket);
    this.#connections.set(socket, connection);
    return connection;
  }

  #hand(
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    upgradeHead: Buffer | null,
  ): void {
    const { client } = connection;
    const raw = rawRequest(request, upgradeHead !== null);
    const exchange = new Http1Exchange(connection, request, response, upgradeHead);
    const tooDeep = client.exchanges.size >= pipelinedMax;
    this.#events.received(client, raw, exchange, tooDeep ? 'pipeline_too_deep' : null);
  }
}

function rawRequest(request: IncomingMessage, upgrading: boolean): RawRequest {
  const { httpVersion, method = '', url = '', rawHeaders } = request;
  return { version: httpVersion, method, target: url, lines: rawHeaders, upgrading, hasBody: null };
}

/** Closing at once would reset the connection under an answer that is still on its way. */
function endSoon(socket: Duplex, answer: string): void {
  socket.end(answer);
  const timer = setTimeout(() => socket.destroy(), farewellMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}

function ignore(): void {
  // The socket fails with it, and ends with `close`.
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
  // While answers wait for their turn Node reads nothing more, but for what TLS has read by then.
  if (code === 'HPE_PAUSED') return 'pipeline_too_deep';
  if (code === 'HPE_INVALID_EOF_STATE' || !code.startsWith('HPE_')) return null;
  return 'malformed';
}
