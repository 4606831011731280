import { once } from 'node:events';
import type { Socket, TcpSocketConnectOpts } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { TestEdge } from './edge.ts';
import type { Identity } from './pki.ts';
import { handshakeOf } from './web-socket.ts';

export interface RawResponse {
  readonly status: number;
  /** Name in lower case and value, in order. */
  readonly headers: readonly (readonly [string, string])[];
  readonly body: string;
  header(name: string): string | undefined;
  all(name: string): string[];
}

/** A client that sends exactly what it is told to, and reads responses one by one. */
export class RawClient<Bytes extends Duplex = TLSSocket> {
  readonly socket: Bytes;
  #received = '';
  #closed = false;
  #wake: (() => void)[] = [];

  constructor(socket: Bytes) {
    this.socket = socket;
    socket.setEncoding('latin1');
    const wake = () => {
      for (const one of this.#wake.splice(0)) one();
    };
    socket.on('data', (text: string) => {
      this.#received += text;
      wake();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#closed = true;
      wake();
    });
  }

  static async connect(
    edge: TestEdge,
    servername: string,
    device: Identity | null = null,
    more: ConnectionOptions & Pick<TcpSocketConnectOpts, 'localAddress'> = {},
  ): Promise<RawClient> {
    const socket = connect({
      host: '127.0.0.1',
      port: edge.port,
      ca: edge.pki.server.certificatePem,
      servername,
      checkServerIdentity: () => undefined,
      ...(device === null ? {} : { cert: device.cert, key: device.key }),
      ...more,
    });
    const client = new RawClient(socket);
    await once(socket, 'secureConnect');
    return client;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Everything received and not yet taken as a response. */
  get received(): string {
    return this.#received;
  }

  /** Waits for bytes that match, and takes everything up to the end of the match. */
  async until(pattern: RegExp): Promise<string> {
    for (;;) {
      const match = pattern.exec(this.#received);
      if (match !== null) {
        const end = match.index + match[0].length;
        const taken = this.#received.slice(0, end);
        this.#received = this.#received.slice(end);
        return taken;
      }
      if (this.#closed) throw new Error(`closed after ${JSON.stringify(this.#received)}`);
      await this.#more();
    }
  }

  /** Reads one response; a body by its length, in chunks, or none for `HEAD`. */
  async response(method = 'GET'): Promise<RawResponse> {
    const head = await this.until(/\r\n\r\n/);
    const [statusLine = '', ...lines] = head.trimEnd().split('\r\n');
    const headers = lines.map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at).toLowerCase(), line.slice(at + 1).trim()] as const;
    });
    const all = (name: string) => headers.filter(([n]) => n === name).map(([, value]) => value);
    const header = (name: string) => all(name)[0];
    const status = Number(statusLine.split(' ')[1]);
    const empty = method === 'HEAD' || status === 204 || status === 304 || status < 200;
    let body = '';
    if (!empty && header('transfer-encoding') === 'chunked') body = await this.#chunked();
    else if (!empty) body = await this.take(Number(header('content-length') ?? 0));
    return { status, headers, body, header, all };
  }

  async take(length: number): Promise<string> {
    while (this.#received.length < length) {
      if (this.#closed) throw new Error('closed within a body');
      await this.#more();
    }
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  async #chunked(): Promise<string> {
    let body = '';
    for (;;) {
      const size = Number.parseInt(await this.until(/\r\n/), 16);
      const chunk = await this.take(size + 2);
      if (size === 0) return body;
      body += chunk.slice(0, -2);
    }
  }

  /** Waits for the other side to close. */
  async closed(): Promise<void> {
    while (!this.#closed) await this.#more();
  }

  close(): void {
    this.socket.destroy();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => this.#wake.push(resolve));
  }
}

export interface Call {
  readonly host?: string;
  /** Instead of the host that is connected to, and the port. */
  readonly authority?: string;
  readonly method?: string;
  readonly path?: string;
  readonly device?: Identity | null;
  readonly cookie?: string;
  readonly headers?: readonly string[];
  readonly body?: string;
  /** As a browser that navigates. */
  readonly page?: boolean;
  /** The version of a WebSocket that is asked for. */
  readonly webSocket?: string;
  /** What to connect over, such as a connection out of a front proxy. */
  readonly socket?: Socket;
}

/** One connection that speaks HTTP/1.1: a request, its response, and the next. */
export class Http1Client {
  readonly #raw: RawClient;
  readonly #authority: string;

  constructor(raw: RawClient, authority: string) {
    this.#raw = raw;
    this.#authority = authority;
  }

  static async connect(
    edge: TestEdge,
    host = 'app.corp.test',
    device: Identity | null = edge.laptop,
    more: ConnectionOptions = {},
  ): Promise<Http1Client> {
    const raw = await RawClient.connect(edge, host, device, more);
    return new Http1Client(raw, `${host}:${edge.port}`);
  }

  /** What has come and is no part of a response. */
  get unread(): string {
    return this.#raw.received;
  }

  /** One request, and its response; those before it are passed over. */
  async ask(options: Call = {}): Promise<RawResponse> {
    const { method = 'GET', path = '/', body, cookie, webSocket } = options;
    const lines = [
      `${method} ${path} HTTP/1.1`,
      `Host: ${options.authority ?? this.#authority}`,
      ...(webSocket === undefined ? [] : handshakeOf(webSocket)),
      ...(options.page === true ? ['Accept: text/html', 'Sec-Fetch-Mode: navigate'] : []),
      ...(cookie === undefined ? [] : [`Cookie: ${cookie}`]),
      ...(options.headers ?? []),
      ...(body === undefined ? [] : [`Content-Length: ${body.length}`]),
    ];
    this.#raw.send(`${lines.join('\r\n')}\r\n\r\n${body ?? ''}`);
    for (;;) {
      const response = await this.#raw.response(method);
      if (response.status >= 200 || response.status === 101) return response;
    }
  }

  close(): void {
    this.#raw.close();
  }
}

/** One request on a connection of its own, and its response. */
export async function call(edge: TestEdge, options: Call = {}): Promise<RawResponse> {
  const { device, host, socket } = options;
  const more = socket === undefined ? {} : { socket };
  const client = await Http1Client.connect(edge, host, device, more);
  try {
    return await client.ask(options);
  } finally {
    client.close();
  }
}
