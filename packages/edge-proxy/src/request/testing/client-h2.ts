import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { Call, RawResponse } from './client.ts';
import { call } from './client.ts';
import type { TestEdge } from './edge.ts';
import type { Identity } from './pki.ts';

/** A response, and how its stream ended: 0 where that was regular. */
export interface StreamResponse extends RawResponse {
  readonly rstCode: number;
}

export interface StreamCall extends Omit<Call, 'socket' | 'device'> {
  /** Instead of what stands for host, method and path. */
  readonly pseudo?: Readonly<Record<string, string>>;
}

/** One connection that speaks HTTP/2, as a regular client does. */
export class Http2Client {
  readonly #edge: TestEdge;
  readonly #servername: string;
  readonly session: ClientHttp2Session;
  readonly socket: TLSSocket;

  constructor(edge: TestEdge, servername: string, socket: TLSSocket) {
    this.#edge = edge;
    this.#servername = servername;
    this.socket = socket;
    this.session = connect(`https://${servername}`, { createConnection: () => socket });
    this.session.on('error', () => undefined);
  }

  static async connect(
    edge: TestEdge,
    servername = 'app.corp.test',
    device: Identity | null = edge.laptop,
  ): Promise<Http2Client> {
    return new Http2Client(edge, servername, await secureSocket(edge, servername, device));
  }

  /** Opens a stream; where nothing more is said of it, its body is to come. */
  open(options: StreamCall = {}): ClientHttp2Stream {
    const stream = this.session.request(this.#head(options), { endStream: false });
    stream.on('error', () => undefined);
    return stream;
  }

  /** One request and its whole response. */
  async ask(options: StreamCall = {}): Promise<StreamResponse> {
    const { body } = options;
    const stream = this.session.request(this.#head(options), { endStream: body === undefined });
    stream.on('error', () => undefined);
    if (body !== undefined) stream.end(body);
    return responseOf(stream);
  }

  async closed(): Promise<void> {
    await closed(this.socket);
  }

  close(): void {
    this.session.destroy();
    this.socket.destroy();
  }

  #head(options: StreamCall): string[] {
    const { host = this.#servername, method = 'GET', path = '/', pseudo = {} } = options;
    const authority = `${host}:${this.#edge.port}`;
    const usual = { ':method': method, ':scheme': 'https', ':authority': authority, ':path': path };
    const lines = Object.entries({ ...usual, ...pseudo }).flat();
    if (options.page === true) lines.push('accept', 'text/html', 'sec-fetch-mode', 'navigate');
    if (options.cookie !== undefined) lines.push('cookie', options.cookie);
    for (const line of options.headers ?? []) {
      const at = line.indexOf(':', 1);
      lines.push(line.slice(0, at).toLowerCase(), line.slice(at + 1).trim());
    }
    if (options.body !== undefined) lines.push('content-length', String(options.body.length));
    return lines;
  }
}

/** Reads a stream to its end, however it ends. */
export async function responseOf(stream: ClientHttp2Stream): Promise<StreamResponse> {
  let status = 0;
  const headers: (readonly [string, string])[] = [];
  stream.on('response', (_headers, _flags, raw) => {
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at] ?? '';
      if (name === ':status') status = Number(raw[at + 1]);
      else headers.push([name, raw[at + 1] ?? '']);
    }
  });
  let body = '';
  stream.setEncoding('latin1');
  stream.on('data', (text: string) => {
    body += text;
  });
  await new Promise<void>((resolve) => stream.once('close', resolve));
  const all = (name: string) => headers.filter(([n]) => n === name).map(([, value]) => value);
  const header = (name: string) => all(name)[0];
  return { status, headers, body, header, all, rstCode: stream.rstCode ?? 0 };
}

/** One request on a connection of its own over HTTP/2, and its response. */
async function callHttp2(edge: TestEdge, options: Call = {}): Promise<RawResponse> {
  const { device = edge.laptop, socket: _none, ...rest } = options;
  const client = await Http2Client.connect(edge, options.host, device);
  try {
    return await client.ask(rest);
  } finally {
    client.close();
  }
}

/** For tests that run over each. */
export const protocols = ['http/1.1', 'h2'] as const;

/** `call` for tests of both protocols. */
export const callOver = { 'http/1.1': call, h2: callHttp2 } as const;

/** Waits for the end of a connection, whatever it came by. */
export async function closed(socket: TLSSocket): Promise<void> {
  if (!socket.closed) await new Promise<void>((resolve) => socket.once('close', () => resolve()));
}

export async function secureSocket(
  edge: TestEdge,
  servername: string,
  device: Identity | null,
): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: edge.port,
    ca: edge.pki.server.certificatePem,
    servername,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
    ...(device === null ? {} : { cert: device.cert, key: device.key }),
  });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}
