import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { Arrivals } from '../../testing/arrivals.ts';
import type { Identity } from './pki.ts';

/** One connection to the recorder, and every byte that came over it. */
export class RecordedConnection {
  readonly socket: TLSSocket;
  bytes = '';
  readonly #more: (() => void)[] = [];

  constructor(socket: TLSSocket) {
    this.socket = socket;
    socket.setEncoding('latin1');
    socket.on('error', () => undefined);
    socket.on('data', (text: string) => {
      this.bytes += text;
      for (const wake of this.#more.splice(0)) wake();
    });
  }

  /** Waits until the bytes match. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.bytes);
      if (match !== null) return match;
      await new Promise<void>((resolve) => this.#more.push(resolve));
    }
  }
}

/** What an upstream sends for a request that has come whole; null: the test does it. */
export type Script = (head: string, connection: RecordedConnection) => string | null;

export const ok: Script = () =>
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Type: text/plain\r\n\r\nhello';

/**
 * The canary: an upstream that parses no more than where a request ends, and keeps all that it gets.
 */
export class Recorder {
  readonly connections: RecordedConnection[] = [];
  readonly arrivals = new Arrivals<RecordedConnection>();
  readonly port: number;
  script: Script = ok;
  readonly #server: ReturnType<typeof createServer>;

  constructor(server: ReturnType<typeof createServer>) {
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    server.on('secureConnection', (socket) => this.#take(socket));
  }

  static async start(
    identity: Identity,
    clientAuthority?: string,
    address: { readonly host?: string; readonly port?: number } = {},
  ): Promise<Recorder> {
    const server = createServer({
      cert: identity.cert,
      key: identity.key,
      ...(clientAuthority === undefined
        ? {}
        : { ca: clientAuthority, requestCert: true, rejectUnauthorized: true }),
    });
    server.on('tlsClientError', () => undefined);
    server.listen(address.port ?? 0, address.host ?? '127.0.0.1');
    await once(server, 'listening');
    return new Recorder(server);
  }

  /** All bytes of all connections. */
  get bytes(): string {
    return this.connections.map(({ bytes }) => bytes).join('');
  }

  forget(): void {
    for (const connection of this.connections) connection.bytes = '';
  }

  async stop(): Promise<void> {
    for (const { socket } of this.connections) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #take(socket: TLSSocket): void {
    const connection = new RecordedConnection(socket);
    this.connections.push(connection);
    this.arrivals.push(connection);
    let unread = '';
    socket.on('data', (text: string) => {
      unread += text;
      for (;;) {
        const end = requestEnd(unread);
        if (end < 0) return;
        const answer = this.script(unread.slice(0, unread.indexOf('\r\n\r\n')), connection);
        unread = unread.slice(end);
        if (answer !== null) socket.write(answer, 'latin1');
      }
    });
  }
}

/** Where the first request in the text ends; -1: not yet. */
function requestEnd(text: string): number {
  const headEnd = text.indexOf('\r\n\r\n') + 4;
  if (headEnd < 4) return -1;
  const head = text.slice(0, headEnd);
  if (/^transfer-encoding:/im.test(head)) {
    const last = /(?:^|\r\n)0\r\n(?:[^\r]+\r\n)*\r\n/.exec(text.slice(headEnd));
    return last === null ? -1 : headEnd + last.index + last[0].length;
  }
  const length = Number(/^content-length: ([0-9]+)/im.exec(head)?.[1] ?? 0);
  return text.length < headEnd + length ? -1 : headEnd + length;
}
