import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
  type Settings,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type TLSSocket } from 'node:tls';
import { Arrivals } from '../../testing/arrivals.ts';
import type { TestEdge } from './edge.ts';
import { type Frame, frame, types } from './frames.ts';
import { issue } from './pki.ts';

/** A request as an upstream got it. */
export interface ArrivedStream {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  /** Name and value by turns. */
  readonly lines: readonly string[];
  /** Of its body, so far. */
  body: string;
  ended: boolean;
  readonly trailers: string[];
  /** The code that its stream ended with; null: it has not. */
  rstCode: number | null;
}

type Handler = (stream: ServerHttp2Stream, arrived: ArrivedStream) => void;

async function identityOf(edge: TestEdge, host: string) {
  const { cert, key } = await issue(edge.pki.upstream, {
    commonName: host,
    dns: [host],
    usage: 'server',
    days: 5,
  });
  return { cert, key, ca: edge.pki.edge.certificatePem, requestCert: true };
}

/** An upstream that speaks HTTP/2 as it should. */
export class Http2Upstream {
  readonly url: string;
  readonly arrivals = new Arrivals<ArrivedStream>();
  sessions = 0;
  handler: Handler = (stream) => stream.respond({ ':status': 200 }, { endStream: true });
  readonly #server: Http2SecureServer;
  readonly #sockets = new Set<TLSSocket>();

  constructor(server: Http2SecureServer, host: string) {
    this.#server = server;
    this.url = `https://${host}:${(server.address() as AddressInfo).port}`;
    server.on('secureConnection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    server.on('session', (session) => {
      this.sessions += 1;
      session.on('error', () => undefined);
    });
    server.on('stream', (stream, headers, _flags, lines) =>
      this.#take(stream as ServerHttp2Stream, headers, lines),
    );
  }

  static async start(
    edge: TestEdge,
    more: { readonly name?: string; readonly settings?: Settings } = {},
  ): Promise<Http2Upstream> {
    const host = `${more.name ?? 'calls'}.corp.localhost`;
    const identity = await identityOf(edge, host);
    const server = createSecureServer({ ...identity, settings: more.settings ?? {} });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Http2Upstream(server, host);
  }

  get openConnections(): number {
    return this.#sockets.size;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, lines: string[]): void {
    const arrived: ArrivedStream = {
      stream,
      headers,
      lines,
      body: '',
      ended: false,
      trailers: [],
      rstCode: null,
    };
    stream.on('error', () => undefined);
    stream.on('data', (chunk: Buffer) => {
      arrived.body += chunk.toString('latin1');
    });
    stream.on('trailers', (_headers, _flags, raw: string[]) => arrived.trailers.push(...raw));
    stream.on('end', () => {
      arrived.ended = stream.rstCode === 0;
    });
    stream.on('close', () => {
      arrived.rstCode = stream.rstCode ?? 0;
    });
    this.arrivals.push(arrived);
    this.handler(stream, arrived);
  }
}

/** An upstream that agrees on HTTP/2 and then sends exactly the frames it is told to. */
export class FrameUpstream {
  readonly url: string;
  readonly frames = new Arrivals<Frame>();
  /** What it sends for a frame that came. */
  script: (came: Frame, socket: TLSSocket) => readonly Buffer[] = () => [];
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<TLSSocket>();

  constructor(server: Server, host: string) {
    this.#server = server;
    this.url = `https://${host}:${(server.address() as AddressInfo).port}`;
    server.on('secureConnection', (socket) => this.#take(socket));
  }

  static async start(edge: TestEdge, alpn = 'h2'): Promise<FrameUpstream> {
    const host = 'frames.corp.localhost';
    const server = createServer({ ...(await identityOf(edge, host)), ALPNProtocols: [alpn] });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FrameUpstream(server, host);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #take(socket: TLSSocket): void {
    this.connections += 1;
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(frame(types.settings, 0, 0, Buffer.alloc(0)));
    // What every client sends first: RFC 9113, section 3.4.
    let toSkip = 24;
    let unread: Buffer = Buffer.alloc(0);
    socket.on('data', (chunk: Buffer) => {
      const skipped = Math.min(toSkip, chunk.length);
      toSkip -= skipped;
      unread = Buffer.concat([unread, chunk.subarray(skipped)]);
      while (unread.length >= 9) {
        const end = 9 + unread.readUIntBE(0, 3);
        if (unread.length < end) return;
        const came = {
          type: unread.readUInt8(3),
          flags: unread.readUInt8(4),
          streamId: unread.readUInt32BE(5),
          payload: unread.subarray(9, end),
        };
        unread = unread.subarray(end);
        this.frames.push(came);
        if (came.type === types.settings && came.flags === 0) {
          socket.write(frame(types.settings, 1, 0, Buffer.alloc(0)));
        }
        for (const answer of this.script(came, socket)) {
          if (!socket.destroyed) socket.write(answer);
        }
      }
    });
  }
}
