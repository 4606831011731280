import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Span } from '../ops/tracing/span.ts';
import { Arrivals } from './arrivals.ts';

export interface Exported {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly spans: readonly Span[];
}

/** A collector of spans on this machine, that answers as it is told to. */
export class Collector {
  readonly requests = new Arrivals<Exported>();
  answer: { status: number; body: string } = { status: 200, body: '{}' };
  readonly #server: Server;

  constructor(server: Server) {
    this.#server = server;
    server.on('request', (request, response) => {
      let text = '';
      request.setEncoding('utf8');
      request.on('data', (chunk: string) => {
        text += chunk;
      });
      request.on('end', () => {
        const { resourceSpans } = JSON.parse(text) as {
          resourceSpans: { scopeSpans: { spans: Span[] }[] }[];
        };
        const spans = resourceSpans.flatMap(({ scopeSpans }) =>
          scopeSpans.flatMap((scope) => scope.spans),
        );
        this.requests.push({ path: request.url ?? '', headers: request.headers, spans });
        response.writeHead(this.answer.status);
        response.end(this.answer.body);
      });
    });
  }

  static async start(): Promise<Collector> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Collector(server);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
