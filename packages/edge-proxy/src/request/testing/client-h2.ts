import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Call, RawResponse } from './client.ts';
import { call, Http1Client } from './client.ts';
import type { TestEdge } from './edge.ts';
import type { Field } from './frames.ts';
import { closed, secureSocket } from './h2-socket.ts';
import type { Identity } from './pki.ts';
import { WordedSocket } from './worded.ts';

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
  readonly #worded: WordedSocket | null;
  readonly session: ClientHttp2Session;
  readonly socket: TLSSocket;

  constructor(
    edge: TestEdge,
    servername: string,
    socket: TLSSocket,
    worded: WordedSocket | null = null,
  ) {
    this.#edge = edge;
    this.#servername = servername;
    this.#worded = worded;
    this.socket = socket;
    const under = worded ?? socket;
    this.session = connect(`https://${servername}`, { createConnection: () => under });
    this.session.on('error', () => undefined);
  }

  static async connect(
    edge: TestEdge,
    servername = 'app.corp.test',
    device: Identity | null = edge.laptop,
  ): Promise<Http2Client> {
    return new Http2Client(edge, servername, await secureSocket(edge, servername, device));
  }

  /** One that sends what it is told to as it is told, also what no client would. */
  static async worded(
    edge: TestEdge,
    servername = 'app.corp.test',
    device: Identity | null = edge.laptop,
    over?: Socket,
  ): Promise<Http2Client> {
    const socket = await secureSocket(edge, servername, device, over);
    return new Http2Client(edge, servername, socket, new WordedSocket(socket));
  }

  /** Opens a stream; where nothing more is said of it, its body is to come. */
  open(options: StreamCall = {}): ClientHttp2Stream {
    return this.#request(options, false);
  }

  /** One request and its whole response. */
  async ask(options: StreamCall = {}): Promise<StreamResponse> {
    const { body, webSocket } = options;
    const stream = this.#request(options, body === undefined && webSocket === undefined);
    if (body !== undefined) stream.end(Buffer.from(body, 'latin1'));
    return responseOf(stream);
  }

  /** What has come and is no part of a response: the session would not have it. */
  readonly unread = '';

  async closed(): Promise<void> {
    await closed(this.socket);
  }

  close(): void {
    this.session.destroy();
    this.socket.destroy();
  }

  #request(options: StreamCall, endStream: boolean): ClientHttp2Stream {
    const fields = this.#fields(options);
    this.#worded?.ask(fields);
    // Of what others word, the session has to know whether its response has a body.
    const method = options.method === 'HEAD' ? 'HEAD' : 'POST';
    const told = this.#worded === null ? fields.flat() : { ':method': method };
    const stream = this.session.request(told, { endStream });
    stream.on('error', () => undefined);
    return stream;
  }

  #fields(options: StreamCall): readonly Field[] {
    const { host = this.#servername, method = 'GET', path = '/', pseudo = {} } = options;
    const { authority = `${host}:${this.#edge.port}`, webSocket } = options;
    const usual = { ':method': method, ':scheme': 'https', ':authority': authority, ':path': path };
    const opening =
      webSocket === undefined ? {} : { ':method': 'CONNECT', ':protocol': 'websocket' };
    const fields: Field[] = Object.entries({ ...usual, ...opening, ...pseudo });
    if (options.page === true) fields.push(['accept', 'text/html'], ['sec-fetch-mode', 'navigate']);
    if (webSocket !== undefined) fields.push(['sec-websocket-version', webSocket]);
    if (options.cookie !== undefined) fields.push(['cookie', options.cookie]);
    for (const line of options.headers ?? []) {
      const at = line.indexOf(':', 1);
      fields.push([line.slice(0, at).toLowerCase(), line.slice(at + 1).replace(/^ /, '')]);
    }
    if (options.body !== undefined) fields.push(['content-length', String(options.body.length)]);
    return fields;
  }
}

/** Reads a stream to its end, however it ends; trailers stand behind the headers. */
export async function responseOf(stream: ClientHttp2Stream): Promise<StreamResponse> {
  let status = 0;
  const headers: (readonly [string, string])[] = [];
  const take = (_headers: object, _flags: number, raw: readonly string[]): void => {
    for (let at = 0; at < raw.length; at += 2) {
      const name = raw[at] ?? '';
      if (name === ':status') status = Number(raw[at + 1]);
      else headers.push([name, raw[at + 1] ?? '']);
    }
  };
  stream.on('response', take);
  stream.on('trailers', take);
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
  const { device = edge.laptop, socket, ...rest } = options;
  const client = await Http2Client.worded(edge, options.host, device, socket);
  try {
    return await client.ask(rest);
  } finally {
    client.close();
  }
}

/** For tests that run over each. */
export const protocols = ['http/1.1', 'h2'] as const;
export type Protocol = (typeof protocols)[number];

/** A connection, for one request after the other. */
export const connectOver = {
  'http/1.1': (edge: TestEdge, host: string, device: Identity | null) =>
    Http1Client.connect(edge, host, device),
  h2: (edge: TestEdge, host: string, device: Identity | null) =>
    Http2Client.worded(edge, host, device),
} as const;

/** `call` for tests of both protocols. */
export const callOver = { 'http/1.1': call, h2: callHttp2 } as const;
