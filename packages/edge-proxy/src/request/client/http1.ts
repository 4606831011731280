import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { ClientConnection } from '../exchange.ts';
import type { BodySink, BodySource, ClientExchange, ClientTunnel } from './exchange.ts';
import { discardBody, discardedBytesMax, Http1Body } from './http1-body.ts';

/** A connection as HTTP/1.1 uses it: one exchange after the other. */
export class Http1Connection {
  readonly client: ClientConnection;
  readonly socket: TLSSocket;
  /** An answer has said that it ends: what comes behind that is not read any more. */
  closing = false;

  constructor(client: ClientConnection, socket: TLSSocket) {
    this.client = client;
    this.socket = socket;
  }
}

/**
 * Heads of this turn. Node keeps a head back until something of the body comes, to send the two
 * together; but the first event of a stream, for one, may be long in coming.
 */
const heads: Http1Exchange[] = [];

function sendHeads(): void {
  for (const exchange of heads.splice(0)) exchange.sendHead();
}

export class Http1Exchange implements ClientExchange {
  tunnelled = false;
  readonly #connection: Http1Connection;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  /** First bytes behind an upgrade request; null: not an upgrade. */
  #upgradeHead: Buffer | null;
  #onClose: (() => void) | null = null;
  /** Its head is among those of this turn. */
  #headWaits = false;
  /** What came behind it in the same turn: with the end of the body, too, all is one write. */
  #first: Buffer | null = null;

  constructor(
    connection: Http1Connection,
    request: IncomingMessage,
    response: ServerResponse,
    upgradeHead: Buffer | null,
  ) {
    this.#connection = connection;
    this.#request = request;
    this.#response = response;
    this.#upgradeHead = upgradeHead;
    response.on('error', ignore);
  }

  get headersSent(): boolean {
    return this.#response.headersSent;
  }

  get gone(): boolean {
    return this.#response.destroyed;
  }

  get finished(): boolean {
    return this.#response.writableFinished;
  }

  get unsentBytes(): number {
    return this.#response.socket === null ? 0 : this.#response.writableLength;
  }

  onClose(listener: () => void): void {
    this.#onClose = listener;
    this.#response.on('close', listener);
  }

  answer(status: number, lines: string[], body: Buffer | null, unreadBytes: number | null): void {
    const response = this.#response;
    // To read on would take longer than a new connection does.
    if (unreadBytes === null || unreadBytes > discardedBytesMax) response.shouldKeepAlive = false;
    if (!response.shouldKeepAlive) this.#connection.closing = true;
    this.#writeHead(status, lines);
    response.end(body ?? undefined);
    discardBody(this.#request);
  }

  head(status: number, lines: string[]): void {
    this.#headWaits = !this.#writeHead(status, lines);
    if (this.#headWaits && heads.push(this) === 1) setImmediate(sendHeads);
  }

  /** true: it stands in line with what is to be sent. */
  #writeHead(status: number, lines: string[]): boolean {
    const response = this.#response;
    response.writeHead(status, lines);
    if (response.socket !== null) return false;
    // Before its turn Node puts a head that comes with a body in front of all, a 100 included.
    response.flushHeaders();
    return true;
  }

  /** Sends a head, and what has followed it, unless they have left by now. */
  sendHead(): void {
    if (!this.#headWaits) return;
    this.#headWaits = false;
    const first = this.#first;
    this.#first = null;
    if (this.#response.destroyed) return;
    if (first === null) this.#response.flushHeaders();
    else this.#response.write(first);
  }

  write(chunk: Buffer): boolean {
    if (this.#headWaits && this.#first === null) {
      this.#first = chunk;
      return true;
    }
    this.sendHead();
    return this.#response.write(chunk);
  }

  onDrain(listener: () => void): void {
    this.#response.once('drain', listener);
  }

  end(trailers: readonly string[]): void {
    const last = this.#first;
    this.#headWaits = false;
    this.#first = null;
    if (trailers.length > 0) this.#response.addTrailers(pairsOf(trailers));
    this.#response.end(last ?? undefined);
  }

  /** With the connection: the length that was announced, or the last chunk, never comes. */
  breakOff(): void {
    // Before its turn Node only forgets it: half of it would be sent, and what is behind it never.
    if (this.#response.socket === null) {
      this.#response.once('socket', (socket: TLSSocket) => socket.destroy());
    }
    this.#response.destroy();
  }

  beLast(): void {
    this.#response.shouldKeepAlive = false;
  }

  askForBody(): void {
    this.#response.writeContinue();
  }

  readBody(sink: BodySink): BodySource {
    return new Http1Body(this.#request, sink);
  }

  tunnel(lines: readonly string[]): ClientTunnel {
    const { socket } = this.#connection;
    this.tunnelled = true;
    if (this.#onClose !== null) this.#response.off('close', this.#onClose);
    this.#response.detachSocket(socket);
    socket.write(switchingProtocols(lines), 'latin1');
    const first = this.#upgradeHead;
    // Even where it is empty, it would keep the bytes of the whole request for as long as this is open.
    this.#upgradeHead = null;
    if (first !== null && first.length > 0) socket.unshift(first);
    return socket;
  }
}

function pairsOf(lines: readonly string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let at = 0; at < lines.length; at += 2) pairs.push([lines[at] ?? '', lines[at + 1] ?? '']);
  return pairs;
}

function switchingProtocols(lines: readonly string[]): string {
  let text = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n';
  for (let at = 0; at < lines.length; at += 2) {
    text += `${lines[at] ?? ''}: ${lines[at + 1] ?? ''}\r\n`;
  }
  return `${text}\r\n`;
}

function ignore(): void {
  // The response ends with `close`.
}
